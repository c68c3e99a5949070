// SPDX-License-Identifier: MIT
// Parts of sentences.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace certlatch {

/// "a", "a and b", "a, b and c"
[[nodiscard]] std::string listed(const std::vector<std::string>& items, std::string_view last = "and");
/// "1 opening", "2 openings", "no openings"
[[nodiscard]] std::string counted(std::size_t count, std::string_view thing);
/// "1 hour", "2 minutes", "90 seconds"
[[nodiscard]] std::string in_words(std::uint32_t seconds);
/// "at most 24 times a day", or that there is no limit
[[nodiscard]] std::string how_often(const std::optional<std::uint32_t>& per_day);
/// A command as the policy could have it, quotes where they are needed.
[[nodiscard]] std::string written(const std::vector<std::string>& command);
/// `text` in lines of at most `width` bytes where blanks allow it; the first after `first`, the others after
/// as many blanks.
[[nodiscard]] std::string wrapped(std::string_view text, std::string_view first, std::size_t width = 96);

}  // namespace certlatch
