// SPDX-License-Identifier: MIT
// JSON over HTTPS with a DNS provider's API: one request at a time, over one connection, bounded in size and
// time. Certificates are always verified, redirects never followed, and the environment has no say.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/channel.h"
#include "protocol/result.h"

namespace certlatch {

struct ApiAnswer {
  long status = 0;
  nlohmann::json json;  // an object, whatever its status
  std::optional<std::chrono::seconds> retry_after;
};

/// The object that `body` is. Kind::invalid with how it begins; printable ASCII.
[[nodiscard]] Result<nlohmann::json> parse_api_answer(std::string_view body);
/// A text of the API, fit to be shown: printable ASCII, at most 200 bytes.
[[nodiscard]] std::string shown(std::string_view text);
/// A member that is a text; empty when there is none.
[[nodiscard]] std::string text_of(const nlohmann::json& object, const char* member);

class HttpsApi {
 public:
  /// `base` is an https URL, `roots` a PEM file or empty for the system's. Initialises libcurl: before the
  /// process confines itself.
  HttpsApi(std::string base, std::string roots);
  ~HttpsApi();
  HttpsApi(const HttpsApi&) = delete;
  HttpsApi& operator=(const HttpsApi&) = delete;

  /// `path` is put behind the base. `body` may be empty. Asks again when the API wants a little patience
  /// (429, 503) or the connection breaks off, within the deadline.
  [[nodiscard]] Result<ApiAnswer> send(const char* method, const std::string& path,
                                       const std::vector<std::string>& headers, const std::string& body,
                                       Deadline deadline);

 private:
  struct Exchange;
  [[nodiscard]] Result<ApiAnswer> send_once(const char* method, const std::string& path,
                                            const std::vector<std::string>& headers, const std::string& body,
                                            Deadline deadline, bool& may_pass);
  std::string base_;
  std::string roots_;
  void* handle_;
};

/// What a value becomes in a URL's query.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace certlatch
