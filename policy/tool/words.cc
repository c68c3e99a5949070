// SPDX-License-Identifier: MIT
#include "policy/tool/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "policy/ini_file.h"

namespace certlatch {

std::string listed(const std::vector<std::string>& items, std::string_view last) {
  if (items.size() < 2) return items.empty() ? "" : items[0];
  const auto before = std::span(items).first(items.size() - 1);
  return fmt::format("{} {} {}", fmt::join(before, ", "), last, items.back());
}

std::string counted(std::size_t count, std::string_view thing) {
  if (count == 0) return fmt::format("no {}s", thing);
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string in_words(std::uint32_t seconds) {
  struct Unit {
    std::uint32_t seconds;
    const char* name;
  };
  for (const auto& [size, name] : {Unit{3600, "hour"}, Unit{60, "minute"}}) {
    if (seconds >= size && seconds % size == 0) {
      return counted(seconds / size, name);
    }
  }
  return counted(seconds, "second");
}

std::string how_often(const std::optional<std::uint32_t>& per_day) {
  if (!per_day) return "as often as it likes";
  return *per_day == 1 ? "at most once a day" : fmt::format("at most {} times a day", *per_day);
}

std::string written(const std::vector<std::string>& command) {
  std::vector<std::string> words;
  for (const std::string& word : command) {
    const bool is_plain = !word.empty() && word.find_first_of(" \t'\"|&<>;$`*?\\") == word.npos;
    const char quote = word.contains('\'') ? '"' : '\'';
    words.push_back(is_plain ? word : quote + word + quote);
  }
  return fmt::format("{}", fmt::join(words, " "));
}

std::string wrapped(std::string_view text, std::string_view first, std::size_t width) {
  std::string page;
  std::string line(first);
  bool is_empty = true;
  for (const auto word : split(text)) {
    if (!is_empty && line.size() + 1 + word.size() > width) {
      page += line + "\n";
      line.assign(first.size(), ' ');
      is_empty = true;
    }
    if (!is_empty) line += ' ';
    line += word;
    is_empty = false;
  }
  return page + line + "\n";
}

}  // namespace certlatch
