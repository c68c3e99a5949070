// SPDX-License-Identifier: MIT
// What holds the lines of the audit log together: each ends in ` chain=` and 32 hexadecimal digits,
// BLAKE2b-128 of the digits of the line before it and of the line itself. A line that was changed, removed or
// put in shows: it, or the one after it, does not continue the chain. There is no secret in it: who may
// rewrite the whole file can make a whole chain, but not one that ends as the copy of the last line does
// which the system log has.
#pragma once

#include <string>
#include <string_view>

namespace certlatch {

inline constexpr std::string_view kChainField = " chain=";
inline constexpr std::size_t kChainDigits = 32;

/// `line` with its link: `previous` are the digits of the line before it, none for the first of all.
[[nodiscard]] std::string chained(std::string_view previous, std::string_view line);
/// The digits of the last line of `text` that is whole and has some.
[[nodiscard]] std::string_view last_chain(std::string_view text);

}  // namespace certlatch
