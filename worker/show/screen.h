// SPDX-License-Identifier: MIT
// Where a command prints to: how wide it is, and whether it shows colours.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace certlatch {

enum class Tone : std::uint8_t { plain, faint, good, warning, bad, strong };

struct Screen {
  std::size_t width = 100;
  std::size_t height = 24;
  bool has_colours = false;

  /// Of a descriptor. What is no terminal gets 100 columns, or $COLUMNS, and no colour; neither does one with
  /// NO_COLOR or TERM=dumb in the environment.
  [[nodiscard]] static Screen of(int fd);

  [[nodiscard]] std::string paint(std::string_view text, Tone tone) const;
};

/// Characters, as far as UTF-8 goes: what a terminal needs columns for.
[[nodiscard]] std::size_t columns_of(std::string_view text);
/// Lines of at most `width` columns, broken at blanks and line ends, within words only where there is no
/// blank. At least one line.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t width);

struct Line {
  std::string text;
  Tone tone = Tone::plain;
};
using Cell = std::vector<Line>;  // one below the other

/// One row of a table, each cell wrapped to its column's width and two blanks between columns; ends with a
/// line end.
[[nodiscard]] std::string table_row(const Screen& screen, const std::vector<std::size_t>& widths,
                                    const std::vector<Cell>& cells);

}  // namespace certlatch
