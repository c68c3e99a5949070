// SPDX-License-Identifier: MIT
// One section of the configuration held against the keys that it may have.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/ini_file.h"

namespace certlatch {

enum class KeyUse : std::uint8_t {
  once,
  required,       // once, and it must be there
  list,           // words, separated by blanks; the key may be repeated
  required_list,  // the same, and there must be at least one
};

struct KeyRule {
  std::string_view name;
  KeyUse use = KeyUse::once;
};

struct Word {
  std::string text;
  unsigned line = 0;
};

class SectionReader {
 public:
  /// Reports every unknown, repeated or missing key. All arguments are borrowed.
  SectionReader(const IniSection& section, std::span<const KeyRule> rules, std::string_view file,
                std::vector<Fault>& faults);

  /// The first value of that key; nullptr when there is none.
  [[nodiscard]] const IniKey* find(std::string_view key) const;
  [[nodiscard]] std::vector<Word> words(std::string_view key) const;

  // A value of its kind, or a fault and the default.
  [[nodiscard]] bool yes_or_no(std::string_view key, bool otherwise) const;
  [[nodiscard]] std::uint32_t number(std::string_view key, std::uint32_t least, std::uint32_t most,
                                     std::uint32_t otherwise) const;

  /// Seconds; "90s", "5m", "2h" or "30d" in the file, at most `most` of them. 0 when there is none.
  [[nodiscard]] std::uint32_t duration(std::string_view key, std::uint32_t most) const;

  void fault(unsigned line, std::string sentence) const;
  [[nodiscard]] const IniSection& section() const { return section_; }

 private:
  const IniSection& section_;
  std::string_view file_;
  std::vector<Fault>& faults_;
};

}  // namespace certlatch
