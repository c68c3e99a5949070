// SPDX-License-Identifier: MIT
#include "policy/ini_file.h"

#include <fmt/format.h>
#include <ini.h>

#include <algorithm>
#include <codecvt>
#include <cstdint>

namespace certlatch {
namespace {

// Libinih cuts a line that does not fit its buffer (200 bytes as Debian builds it, with line end and NUL) and
// reads the rest as a line of its own.
constexpr std::size_t kMaxLineBytes = INI_MAX_LINE - 3;

std::string_view trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlankBytes), text.size()));
  return text.substr(0, text.find_last_not_of(kBlankBytes) + 1);
}

// Libinih knows only `;` within a line.
std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if ((line[i] == '#' || line[i] == ';') && (i == 0 || kBlankBytes.contains(line[i - 1])))
      return line.substr(0, i);
  }
  return line;
}

// Why the bytes of a line are not text; empty when they are.
std::string unreadable(std::string_view line) {
  if (line.contains('\r')) return "carriage return: save the file with Unix line ends";
  if (line.contains("\ufeff")) return "byte order mark: save the file without one";
  std::mbstate_t state{};
  const std::codecvt_utf8<char32_t> utf8;
  const auto characters = utf8.length(state, line.data(), line.data() + line.size(), line.size());
  const std::string_view text = line.substr(0, static_cast<std::size_t>(characters));
  std::size_t good = 0;
  for (; good < text.size(); ++good) {
    const auto byte = static_cast<std::uint8_t>(text[good]);
    const auto next = static_cast<std::uint8_t>(good + 1 < text.size() ? text[good + 1] : 0);
    if ((byte < ' ' && byte != '\t') || byte == 0x7f || (byte == 0xc2 && next < 0xa0)) break;
    if (byte == 0xed && next >= 0xa0) break;  // a surrogate, which codecvt lets pass
  }
  if (good == line.size()) return {};
  return fmt::format("byte {} of the line is a control character or not UTF-8", good + 1);
}

// Hands libinih one line at a time, in the only shape in which it is strict: one `key = value`, without
// indentation or comment. Headings are read here, since it cuts those longer than 49 bytes.
class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  IniReading read(std::string_view text) {
    while (!text.empty()) {
      ++line_;
      const auto end = std::min(text.find('\n'), text.size());
      read_line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return std::move(reading_);
  }

 private:
  void fault(std::string sentence) {
    reading_.faults.push_back({file_, line_, std::move(sentence)});
    if (!reading_.sections.empty()) reading_.sections.back().is_damaged = true;
  }

  void read_line(std::string_view line) {
    if (auto why = unreadable(line); !why.empty()) return fault(std::move(why));
    line = trim(without_comment(line));
    const bool is_heading = line.starts_with('[');
    if (line.size() > kMaxLineBytes) {
      // What follows a heading that cannot be read belongs to no section.
      is_skipping_ |= is_heading;
      return fault(
          fmt::format("the line has {} bytes; at most {} are read, apart from indentation and comment",
                      line.size(), kMaxLineBytes));
    }
    if (is_heading) return read_heading(line);
    if (line.empty() || is_skipping_) return;
    const auto equals = line.find_first_of("=:");
    if (equals == line.npos || line[equals] != '=' || equals == 0)
      return fault("neither `key = value` nor a `[section]`");
    if (reading_.sections.empty()) return fault("a key before the first [section]");
    if (equals + 1 == line.size())
      return fault(fmt::format("`{}` has no value", trim(line.substr(0, equals))));
    if (ini_parse_string(std::string(line).c_str(), take_key, this) != 0)
      fault("libinih cannot read the line");
  }

  void read_heading(std::string_view line) {
    const auto inside = split(line.ends_with(']') ? line.substr(1, line.size() - 2) : "");
    is_skipping_ = inside.empty() || inside.size() > 2 || line.find_first_of("[]", 1) != line.size() - 1;
    if (is_skipping_) return fault("a section's heading is `[kind]` or `[kind name]`");
    reading_.sections.push_back({.kind = std::string(inside[0]),
                                 .name = std::string(inside.size() == 2 ? inside[1] : ""),
                                 .line = line_});
  }

  static int take_key(void* self, const char*, const char* name, const char* value) {
    auto& reader = *static_cast<Reader*>(self);
    reader.reading_.sections.back().keys.push_back(
        {fmt::format("{}", fmt::join(split(name), " ")), value, reader.line_});
    return 1;
  }

  std::string file_;
  unsigned line_ = 0;
  bool is_skipping_ = false;
  IniReading reading_;
};

}  // namespace

IniReading read_ini(std::string_view text, std::string_view file) { return Reader(file).read(text); }

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> pieces;
  while (true) {
    const auto end = std::min(text.find_first_of(separators), text.size());
    const auto piece = trim(text.substr(0, end));
    if (!piece.empty() || separators != kBlankBytes) pieces.push_back(piece);
    if (end == text.size()) return pieces;
    text.remove_prefix(end + 1);
  }
}

}  // namespace certlatch
