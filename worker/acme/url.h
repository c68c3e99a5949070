// SPDX-License-Identifier: MIT
// The URLs that a CA hands out. Nothing else is ever asked or signed for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace certlatch {

inline constexpr std::size_t kMaxUrlBytes = 2048;

/// Kind::invalid, with `what` the URL is in the sentence, unless it is https with a host, without a user's
/// name, in visible ASCII, and of at most kMaxUrlBytes.
[[nodiscard]] Result<void> check_url(std::string_view url, std::string_view what);

/// As check_url(), and the URL must be of `origin`: the keeper signs for no other.
[[nodiscard]] Result<void> check_url(std::string_view url, std::string_view what, std::string_view origin);

/// "https://host:port" as it is written in a URL that check_url() accepts.
[[nodiscard]] std::string_view origin_of(std::string_view url);

/// What `reference`, absolute or relative, means in an answer of `base` (RFC 3986, section 5). As it is when
/// that cannot be told: check_url() has the last word.
[[nodiscard]] std::string resolved(const std::string& base, const std::string& reference);

/// The TCP port of an https URL or a proxy as libcurl understands them; nothing when there is none.
[[nodiscard]] std::optional<std::uint16_t> port_of_url(const std::string& url);
[[nodiscard]] std::optional<std::uint16_t> port_of_proxy(const std::string& proxy);

}  // namespace certlatch
