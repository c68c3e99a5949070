// SPDX-License-Identifier: MIT
#include "worker/show/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace certlatch {
namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

/// The bytes of the first `columns` characters.
std::size_t bytes_of(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  for (; at < text.size(); ++at)
    if (begins_character(text[at]) && columns-- == 0) break;
  return at;
}

std::string_view code_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::faint:
      return "\x1b[2m";
    case Tone::good:
      return "\x1b[32m";
    case Tone::warning:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::strong:
      return "\x1b[1m";
  }
  return "";
}

}  // namespace

Screen Screen::of(int fd) {
  constexpr std::size_t kLeast = 40, kMost = 400;
  Screen screen;
  winsize size{};
  const bool is_terminal = ::isatty(fd) == 1;
  const bool has_size = is_terminal && ::ioctl(fd, TIOCGWINSZ, &size) == 0;
  if (has_size && size.ws_row > 0) screen.height = size.ws_row;
  if (const char* columns = std::getenv("COLUMNS")) {
    const std::string_view text(columns);
    std::from_chars(text.data(), text.data() + text.size(), screen.width);
  } else if (has_size && size.ws_col > 0) {
    screen.width = size.ws_col;
  }
  screen.width = std::clamp(screen.width, kLeast, kMost);
  const char* terminal = std::getenv("TERM");
  const char* no_colour = std::getenv("NO_COLOR");
  screen.has_colours = is_terminal && (no_colour == nullptr || *no_colour == '\0') && terminal != nullptr &&
                       std::string_view(terminal) != "dumb";
  return screen;
}

std::string Screen::paint(std::string_view text, Tone tone) const {
  const auto code = has_colours ? code_of(tone) : "";
  if (code.empty()) return std::string(text);
  return std::string(code).append(text).append("\x1b[0m");
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  do {
    auto line = text.substr(0, text.find('\n'));
    std::size_t skip = line.size() < text.size() ? 1 : 0;  // the line end
    if (columns_of(line) > width) {
      const auto most = bytes_of(line, width);
      const auto blank = line.substr(0, most + 1).rfind(' ');
      const bool has_blank = blank != line.npos && line.find_first_not_of(' ') < blank;
      skip = has_blank ? 1 : 0;
      line = line.substr(0, has_blank ? blank : most);
    }
    lines.emplace_back(line);
    text.remove_prefix(line.size() + skip);
  } while (!text.empty());
  return lines;
}

std::string table_row(const Screen& screen, const std::vector<std::size_t>& widths,
                      const std::vector<Cell>& cells) {
  std::vector<Cell> columns;
  std::size_t height = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    Cell column;
    for (const Line& line : cells[i])
      for (auto& part : wrapped(line.text, widths[i])) column.push_back({std::move(part), line.tone});
    height = std::max(height, column.size());
    columns.push_back(std::move(column));
  }
  std::string text;
  for (std::size_t y = 0; y < height; ++y) {
    std::string line;
    std::size_t behind = 0;  // blanks that are owed before the next text
    for (std::size_t x = 0; x < columns.size(); ++x) {
      const Line part = y < columns[x].size() ? columns[x][y] : Line{};
      if (!part.text.empty())
        line.append(std::exchange(behind, 0), ' ').append(screen.paint(part.text, part.tone));
      behind += widths[x] - std::min(widths[x], columns_of(part.text)) + 2;
    }
    text.append(line).append("\n");
  }
  return text;
}

}  // namespace certlatch
