// SPDX-License-Identifier: MIT
// What passes between the parts that know ACME and the one that knows HTTP (http.h).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace certlatch {

inline constexpr std::size_t kMaxBodyBytes = 256 * 1024;

enum class HttpMethod : std::uint8_t { get, head, post };

struct HttpRequest {
  HttpMethod method = HttpMethod::get;
  std::string url;
  std::string body;    // application/jose+json
  std::string accept;  // a media type, or empty
};

struct HttpResponse {
  long status = 0;
  std::string url;   // that answered
  std::string body;  // at most kMaxBodyBytes
  // Headers, as they were sent; empty when they were not.
  std::string nonce;
  std::string location;  // absolute
  std::vector<std::string> links;
  std::optional<std::chrono::seconds> retry_after;  // from now
  std::int64_t date = 0;                            // seconds since 1970; 0 when it does not say
  // From the request to here, a connection included that was made for it; and the least that any took so far.
  std::chrono::milliseconds took{0};
  std::chrono::milliseconds least{0};
};

/// No whole response came.
struct HttpFailure {
  std::string sentence;
  bool may_pass = false;  // the connection broke off: worth another try at once
};

using HttpOutcome = std::expected<HttpResponse, HttpFailure>;

/// A Retry-After header: seconds, or an HTTP date (RFC 9110, section 10.2.3). Never negative, at most 10
/// years.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(
    std::string_view header, std::chrono::system_clock::time_point now);

}  // namespace certlatch
