// SPDX-License-Identifier: MIT
// The names a certificate can carry, in the one spelling in which they are compared.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.h"

namespace certlatch {

/// A host name (letters, digits and hyphens, at most 253 bytes), one with `*` as its whole first label, or an
/// IP address; in lower case, an address as inet_ntop writes it. Anything else is an error that says what is
/// wrong.
[[nodiscard]] Result<std::string> canonical_name(std::string_view text);

/// For a name that canonical_name() returned. Its last label cannot be a number, so there is no third kind.
[[nodiscard]] bool is_address(std::string_view canonical);

}  // namespace certlatch
