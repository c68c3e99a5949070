// SPDX-License-Identifier: MIT
// A key that takes a list, as both of certlatch's files are written: repeated rather than in a line that is
// longer than their reader takes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace certlatch {

/// "names     = a b c\n", and further such lines for what does not fit. Nothing when there are no values.
[[nodiscard]] std::string list_lines(std::string_view key, const std::vector<std::string>& values);

}  // namespace certlatch
