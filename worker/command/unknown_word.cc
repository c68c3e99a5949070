// SPDX-License-Identifier: MIT
#include "worker/command/unknown_word.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

namespace certlatch {
namespace {

/// How many characters are put in, taken out or replaced to make one of the other.
std::size_t distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t replaced = diagonal + (one[i] == other[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

/// The commands that the word begins, and those it is as near to as to no other, if that is near at all.
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& commands) {
  std::size_t least = std::max<std::size_t>(word.size() / 2, 1);
  for (const auto& command : commands) least = std::min(least, distance(word, command));
  std::vector<std::string> found;
  for (const auto& command : commands)
    if ((word.size() > 1 && command.starts_with(word)) || distance(word, command) == least)
      found.push_back(fmt::format("`{}`", command));
  return found;
}

}  // namespace

std::string sentence_about_unknown_word(const CLI::App& app) {
  const CLI::App* at = &app;
  std::string path = app.get_name();
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    path += ' ' + at->get_name();
  }
  std::vector<std::string> commands;
  for (const auto* command : at->get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(command->get_name());
  const auto words = app.remaining(true);
  if (commands.empty() || words.empty()) return {};
  const auto& word = words.front();
  if (word.starts_with('-'))
    return fmt::format("there is no option `{}`; `{} --help` lists them", word, path);
  const auto meant = nearest(word, commands);
  const auto what = meant.empty() ? fmt::format("there are {}", fmt::join(commands, ", "))
                                  : fmt::format("did you mean {}?", fmt::join(meant, " or "));
  return fmt::format("there is no command `{} {}`; {}", path, word, what);
}

}  // namespace certlatch
