// SPDX-License-Identifier: MIT
#include "policy/ini_file.h"

#include <fmt/format.h>
#include <ini.h>

#include <algorithm>
#include <codecvt>
#include <ranges>

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
  for (std::size_t i = 0; i < line.size(); ++i)
    if ((line[i] == '#' || line[i] == ';') && (i == 0 || kBlankBytes.contains(line[i - 1])))
      return line.substr(0, i);
  return line;
}

// Why the bytes of a line are not text; empty when they are.
std::string unreadable(std::string_view line) {
  if (line.contains('\r')) return "carriage return: save the file with Unix line ends";
  if (line.contains("\ufeff")) return "byte order mark: save the file without one";
  const std::codecvt_utf8<char32_t> utf8;
  for (std::size_t at = 0, size = 0; at < line.size(); at += size) {
    std::mbstate_t state{};
    size = static_cast<std::size_t>(utf8.length(state, line.data() + at, line.data() + line.size(), 1));
    const auto character = line.substr(at, size);
    // Of the surrogates, U+D800 to U+DFFF, codecvt says nothing.
    if (character.empty() || (character < " " && character != "\t") ||
        (character >= "\x7f" && character < "\u00a0") ||
        (character >= "\xed\xa0\x80" && character < "\ue000"))
      return fmt::format("byte {} of the line is a control character or not UTF-8", at + 1);
  }
  return {};
}

int take_key(void* key, const char*, const char* name, const char* value) {
  *static_cast<IniKey*>(key) = {fmt::format("{}", fmt::join(split(name), " ")), value};
  return 1;
}

struct Reader {
  std::vector<IniSection> sections;
  bool is_skipping = false;  // what follows a heading that cannot be read belongs to no section

  // Hands libinih one line at a time, in the only shape in which it is strict: one `key = value`, without
  // indentation or comment. Headings are read here, since it cuts those longer than 49 bytes. Returns what is
  // wrong with the line.
  std::string read(std::string_view line, unsigned number) {
    if (auto why = unreadable(line); !why.empty()) return why;
    line = trim(without_comment(line));
    const bool is_heading = line.starts_with('[');
    if (line.size() > kMaxLineBytes) {
      is_skipping |= is_heading;
      return fmt::format("the line has {} bytes; at most {} are read, apart from indentation and comment",
                         line.size(), kMaxLineBytes);
    }
    if (is_heading) {
      const auto inside = split(line.ends_with(']') ? line.substr(1, line.size() - 2) : "");
      is_skipping = inside.empty() || inside.size() > 2 || line.find_first_of("[]", 1) != line.size() - 1;
      if (is_skipping) return "a section's heading is `[kind]` or `[kind name]`";
      sections.push_back({std::string(inside[0]), std::string(inside.size() == 2 ? inside[1] : ""), number});
    }
    if (is_heading || line.empty() || is_skipping) return {};
    const auto equals = line.find_first_of("=:");
    if (equals == line.npos || line[equals] != '=' || equals == 0)
      return "neither `key = value` nor a `[section]`";
    if (sections.empty()) return "a key before the first [section]";
    if (equals + 1 == line.size()) return fmt::format("`{}` has no value", trim(line.substr(0, equals)));
    IniKey key;
    if (ini_parse_string(std::string(line).c_str(), take_key, &key) != 0)
      return "libinih cannot read the line";
    key.line = number;
    sections.back().keys.push_back(std::move(key));
    return {};
  }
};

}  // namespace

IniReading read_ini(std::string_view text, std::string_view file) {
  Reader reader;
  std::vector<Fault> faults;
  unsigned number = 0;
  for (const auto line : std::views::split(text, '\n')) {
    auto wrong = reader.read(std::string_view(line), ++number);
    if (wrong.empty()) continue;
    faults.push_back({std::string(file), number, std::move(wrong)});
    if (!reader.sections.empty()) reader.sections.back().is_damaged = true;
  }
  return {std::move(reader.sections), std::move(faults)};
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> pieces;
  for (std::size_t start = 0, end = 0; end != text.npos; start = end + 1) {
    end = text.find_first_of(separators, start);
    const auto piece = trim(text.substr(start, end - start));
    if (!piece.empty() || separators != kBlankBytes) pieces.push_back(piece);
  }
  return pieces;
}

}  // namespace certlatch
