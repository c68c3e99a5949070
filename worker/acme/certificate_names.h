// SPDX-License-Identifier: MIT
// What certificates and requests are for, as OpenSSL has read it.
#pragma once

#include <openssl/x509v3.h>

#include <string>
#include <vector>

namespace certlatch {

[[nodiscard]] std::string bytes_of(const ASN1_STRING* text);

/// Host names and addresses, canonical (identifier.h); other kinds are left out. `list` may be null.
[[nodiscard]] std::vector<std::string> names_in(const GENERAL_NAMES* list);

/// Printable; empty when there is none.
[[nodiscard]] std::string common_name(const X509_NAME* name);

}  // namespace certlatch
