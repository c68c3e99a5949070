// SPDX-License-Identifier: MIT
// How tls-alpn-01 asks for an identifier (RFC 8737, section 3; RFC 8738, section 6).
#pragma once

#include <string>

namespace certlatch {

inline constexpr const char* kAcmeIdentifier = "1.3.6.1.5.5.7.1.31";  // the extension's object identifier

/// "1.2.0.192.in-addr.arpa" for "192.0.2.1"; a host name is itself, in lower case.
[[nodiscard]] std::string server_name_of(const std::string& name);

}  // namespace certlatch
