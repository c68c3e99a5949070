// SPDX-License-Identifier: MIT
#include "worker/import/list_lines.h"

#include <fmt/format.h>

namespace certlatch {

std::string list_lines(std::string_view key, const std::vector<std::string>& values) {
  // Far below what the reader takes: people read it, too.
  constexpr std::size_t kMostColumns = 100;
  const auto begin = fmt::format("{:<9} =", key);
  std::string text, line;
  for (const auto& value : values) {
    if (line.size() > begin.size() && line.size() + 1 + value.size() > kMostColumns) {
      text += line + '\n';
      line.clear();
    }
    if (line.empty()) line = begin;
    line += ' ' + value;
  }
  return line.empty() ? text : text + line + '\n';
}

}  // namespace certlatch
