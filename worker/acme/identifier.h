// SPDX-License-Identifier: MIT
// What a certificate is asked for: host names, wildcards and IP addresses (RFC 8555, section 9.7.7; RFC
// 8738).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace certlatch {

/// "dns" or "ip", as ACME calls them.
[[nodiscard]] std::string_view identifier_type(const std::string& name);

/// The form in which two spellings of one name are equal: host names in lower case, addresses as inet_ntop(3)
/// writes them.
[[nodiscard]] std::string canonical_name(std::string name);
/// Each once.
[[nodiscard]] std::vector<std::string> canonical_names(const std::vector<std::string>& names);

}  // namespace certlatch
