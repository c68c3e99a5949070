// SPDX-License-Identifier: MIT
// One section of the policy while it is read: every key is asked for by name, and what was not asked for is
// unknown.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/ini_file.h"

namespace certlatch {

enum class Need : std::uint8_t { required, optional };

class Section {
 public:
  Section(const IniSection& ini, std::string_view file, std::vector<Fault>& faults)
      : ini_(ini), file_(file), faults_(faults) {}

  [[nodiscard]] const IniSection& ini() const { return ini_; }

  void fault(unsigned line, std::string sentence) { faults_.push_back({file_, line, std::move(sentence)}); }

  /// A key that may stand once: its value goes through `reader` into `value`. Returns its line, 0 without it.
  unsigned take(std::string_view name, Need need, auto&& value, auto reader) {
    const auto keys = all(name, need);
    for (const IniKey* key : keys) {
      if (key != keys[0])
        fault(*key, fmt::format("is already given on line {}", keys[0]->line));
      else if (auto read = reader(key->value))
        value = *std::move(read);
      else
        fault(*key, read.error().message);
    }
    return keys.empty() ? 0 : keys[0]->line;
  }

  /// A key that may be repeated, each with several items; one that stands twice is a fault. Returns the first
  /// line.
  template <class T>
  unsigned take_list(std::string_view name, Need need, std::vector<T>& items, auto reader,
                     std::string_view separators = kBlankBytes) {
    const auto keys = all(name, need);
    for (const IniKey* key : keys) {
      for (const auto item : split(key->value, separators)) {
        auto read = reader(item);
        if (!read)
          fault(*key, read.error().message);
        else if (std::ranges::find(items, *read) != items.end())
          fault(*key, fmt::format("`{}` stands there twice", item));
        else
          items.push_back(*std::move(read));
      }
    }
    return keys.empty() ? 0 : keys[0]->line;
  }

  /// After the last take: whatever was not asked for is a fault.
  void finish() {
    for (const IniKey& key : ini_.keys) {
      if (std::ranges::find(known_, key.name) != known_.end()) continue;
      fault(key.line, fmt::format("{} has no key `{}`; it knows {}", ini_.heading(), key.name,
                                  fmt::join(known_, ", ")));
    }
  }

 private:
  void fault(const IniKey& key, std::string_view sentence) {
    fault(key.line, fmt::format("`{}`: {}", key.name, sentence));
  }

  std::vector<const IniKey*> all(std::string_view name, Need need) {
    known_.emplace_back(name);
    std::vector<const IniKey*> keys;
    for (const IniKey& key : ini_.keys)
      if (key.name == name) keys.push_back(&key);
    if (keys.empty() && need == Need::required && !ini_.is_damaged)
      fault(ini_.line, fmt::format("{} has no `{}`", ini_.heading(), name));
    return keys;
  }

  const IniSection& ini_;
  std::string file_;
  std::vector<Fault>& faults_;
  std::vector<std::string> known_;
};

}  // namespace certlatch
