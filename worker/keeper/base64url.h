// SPDX-License-Identifier: MIT
// base64url without padding, as JOSE wants it everywhere (RFC 7515, section 2).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace certlatch {

std::string base64url(std::span<const std::byte> bytes);
inline std::string base64url(std::string_view text) { return base64url(std::as_bytes(std::span(text))); }

}  // namespace certlatch
