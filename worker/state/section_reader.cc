// SPDX-License-Identifier: MIT
#include "worker/state/section_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace certlatch {
namespace {

bool is_list(KeyUse use) { return use == KeyUse::list || use == KeyUse::required_list; }
bool is_required(KeyUse use) { return use == KeyUse::required || use == KeyUse::required_list; }

std::string heading(const IniSection& section) {
  return section.name.empty() ? fmt::format("[{}]", section.kind)
                              : fmt::format("[{} {}]", section.kind, section.name);
}

}  // namespace

SectionReader::SectionReader(const IniSection& section, std::span<const KeyRule> rules, std::string_view file,
                             std::vector<Fault>& faults)
    : section_(section), file_(file), faults_(faults) {
  for (const IniKey& key : section.keys) {
    const auto rule = std::ranges::find(rules, key.name, &KeyRule::name);
    const IniKey* first = find(key.name);
    if (rule == rules.end()) {
      fault(key.line, fmt::format("`{}` is not a key of {}", key.name, heading(section)));
    } else if (!is_list(rule->use) && first != &key) {
      fault(key.line, fmt::format("`{}` was given already, in line {}", key.name, first->line));
    }
  }
  for (const KeyRule& rule : rules) {
    if (is_required(rule.use) && find(rule.name) == nullptr)
      fault(section.line, fmt::format("{} needs a key `{}`", heading(section), rule.name));
  }
}

const IniKey* SectionReader::find(std::string_view key) const {
  const auto found = std::ranges::find(section_.keys, key, &IniKey::name);
  return found == section_.keys.end() ? nullptr : &*found;
}

std::vector<Word> SectionReader::words(std::string_view key) const {
  constexpr std::string_view kBlanks = " \t";
  std::vector<Word> found;
  for (const IniKey& entry : section_.keys) {
    if (entry.name != key) continue;
    std::string_view left = entry.value;
    for (;;) {
      left.remove_prefix(std::min(left.find_first_not_of(kBlanks), left.size()));
      if (left.empty()) break;
      const auto end = std::min(left.find_first_of(kBlanks), left.size());
      found.push_back({std::string(left.substr(0, end)), entry.line});
      left.remove_prefix(end);
    }
  }
  return found;
}

bool SectionReader::yes_or_no(std::string_view key, bool otherwise) const {
  const IniKey* entry = find(key);
  if (entry == nullptr) return otherwise;
  if (entry->value == "yes") return true;
  if (entry->value != "no") fault(entry->line, fmt::format("`{}` is `yes` or `no`", key));
  return false;
}

std::uint32_t SectionReader::number(std::string_view key, std::uint32_t least, std::uint32_t most,
                                    std::uint32_t otherwise) const {
  const IniKey* entry = find(key);
  if (entry == nullptr) return otherwise;
  std::uint32_t value = 0;
  const char* end = entry->value.data() + entry->value.size();
  const auto [stop, error] = std::from_chars(entry->value.data(), end, value);
  if (error == std::errc() && stop == end && value >= least && value <= most) return value;
  fault(entry->line, fmt::format("`{}` is a number from {} to {}", key, least, most));
  return otherwise;
}

std::uint32_t SectionReader::duration(std::string_view key, std::uint32_t most) const {
  const IniKey* entry = find(key);
  if (entry == nullptr) return 0;
  std::uint32_t value = 0;
  const char* end = entry->value.data() + entry->value.size();
  const auto [stop, error] = std::from_chars(entry->value.data(), end, value);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 24 * 3600}};
  for (const auto& [name, seconds] : kUnits)
    if (error == std::errc() && unit == name && value * seconds <= most)
      return static_cast<std::uint32_t>(value * seconds);
  fault(entry->line, fmt::format("`{}` is a time such as 90s, 5m, 2h or 30d, at most {}h", key, most / 3600));
  return 0;
}

void SectionReader::fault(unsigned line, std::string sentence) const {
  faults_.push_back({std::string(file_), line, std::move(sentence)});
}

}  // namespace certlatch
