// SPDX-License-Identifier: MIT
// The syntax of certlatch's two files, the policy and the worker's configuration: libinih's INI, held
// strictly. Sections `[kind]` or `[kind name]`, `key = value`, comments by # or ; at the start of a line or
// after a blank. Libinih cuts over-long lines and joins indented ones silently; here the first is a fault,
// the second a key like any other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace certlatch {

/// What is wrong with a file, as a compiler would say it.
struct Fault {
  std::string file;
  unsigned line = 0;  // 0: the file as a whole
  std::string sentence;
  /// "file:line: sentence", or "file: sentence".
  [[nodiscard]] std::string text() const {
    return file + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + sentence;
  }
};

struct IniKey {
  std::string name;   // as written, blanks within folded to one: "at most"
  std::string value;  // without surrounding blanks and comment; never empty
  unsigned line = 0;
};

struct IniSection {
  std::string kind;  // "open"
  std::string name;  // "http"; empty for `[broker]`
  unsigned line = 0;
  std::vector<IniKey> keys;  // in the order of the file; repeated keys stay apart
  bool is_damaged = false;   // a line of it could not be read: a missing key may well be there
  /// "[open http]"
  [[nodiscard]] std::string heading() const { return "[" + kind + (name.empty() ? "" : " ") + name + "]"; }
};

struct IniReading {
  std::vector<IniSection> sections;
  std::vector<Fault> faults;  // syntax only: what a section or key means is for the caller
};

/// `text` may be any bytes: NUL, control characters and text that is not UTF-8 are faults, not surprises.
[[nodiscard]] IniReading read_ini(std::string_view text, std::string_view file);

inline constexpr std::string_view kBlankBytes = " \t";
/// The pieces between any of `separators`, trimmed. Separators that are blanks may be several, others may
/// not: then there is an empty piece.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text,
                                                  std::string_view separators = kBlankBytes);

}  // namespace certlatch
