// SPDX-License-Identifier: MIT
// The names that a certificate may hold, in the one form in which they are compared and sent.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.h"

namespace certlatch {

/// A host name in lower case, a wildcard (`*.` and a host name), or an IP address in its canonical text.
/// Kind::invalid with a sentence that names the fault for anything else.
[[nodiscard]] Result<std::string> canonical_name(std::string_view text);

/// Of a name as canonical_name() makes it.
[[nodiscard]] inline bool is_address(std::string_view name) {
  return name.contains(':') || name.find_first_not_of("0123456789.") == name.npos;
}
[[nodiscard]] inline bool is_wildcard(std::string_view name) { return name.starts_with("*."); }

/// The names of sections become names of directories and of the broker's entries: letters, digits, `.`, `-`
/// and `_`, at most 64, the first one a letter or a digit. Empty when `text` is such a name, else what is
/// wrong.
[[nodiscard]] std::string fault_of_label(std::string_view text);

}  // namespace certlatch
