// SPDX-License-Identifier: MIT
#include "policy/tool/history.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/audit_chain.h"
#include "policy/tool/words.h"

namespace certlatch {
namespace {

/// The digits at a line's end; none when it has no link, as a line that was cut.
std::string_view chain_of(std::string_view line) {
  const auto begin = line.size() - std::min(line.size(), kChainField.size() + kChainDigits);
  const auto digits = line.substr(std::min(line.size(), begin + kChainField.size()));
  const bool is_link = line.substr(begin).starts_with(kChainField) && digits.size() == kChainDigits &&
                       digits.find_first_not_of("0123456789abcdef") == digits.npos;
  return is_link ? digits : std::string_view();
}

/// `name=value` or `name="value"`, separated by blanks.
std::vector<std::pair<std::string, std::string>> fields_of(std::string_view line) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!line.empty()) {
    const auto equals = std::min(line.find('='), line.size());
    const auto name = line.substr(0, equals);
    line.remove_prefix(std::min(line.size(), equals + 1));
    const bool is_quoted = line.starts_with('"');
    std::size_t end = is_quoted ? 1 : 0;
    while (end < line.size() && line[end] != (is_quoted ? '"' : ' '))
      end += is_quoted && line[end] == '\\' ? 2 : 1;
    end = std::min(end, line.size());
    fields.emplace_back(name, line.substr(is_quoted ? 1 : 0, is_quoted ? end - 1 : end));
    line.remove_prefix(std::min(line.size(), end + (is_quoted ? 2 : 1)));
  }
  return fields;
}

class Reader {
 public:
  explicit Reader(History& history) : history_(history) {}

  void read(const LogFile& file) {
    unsigned number = 0;
    for (std::string_view rest = file.text; !rest.empty();) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      look_at(file.name, ++number, line);
    }
  }

 private:
  void look_at(const std::string& file, unsigned number, std::string_view line) {
    const auto digits = chain_of(line);
    LogEntry entry{file, number, false, fields_of(line)};
    const auto text = line.substr(0, line.size() - std::min(line.size(), digits.size() + kChainField.size()));
    const auto fault = [&](std::string_view sentence) {
      history_.faults.push_back({file, number, std::string(sentence)});
    };
    if (digits.empty())
      fault("this line has no link: it was cut, as by a full disk, or somebody else wrote it");
    else if (is_first_ && chained("", text) == line)
      history_.has_beginning = entry.is_whole = true;
    else if (is_first_)
      entry.is_whole = true;  // what it continues is not here
    else if (chained(previous_, text) == line)
      entry.is_whole = true;
    else
      fault("this line was changed, or lines before it were removed or put in");
    // As the line has it: one that was changed is one fault, not one for each line after it.
    if (!digits.empty()) {
      previous_ = digits;
      is_first_ = false;
    }
    history_.end = previous_;
    history_.entries.push_back(std::move(entry));
  }

  History& history_;
  std::string previous_;
  bool is_first_ = true;
};

std::string value(const LogEntry& entry, std::string_view name) {
  const auto found = std::ranges::find(entry.fields, name, [](const auto& field) { return field.first; });
  return found == entry.fields.end() ? "" : found->second;
}

std::string text_of(const LogEntry& entry) {
  std::string time = value(entry, "time").substr(0, 19);
  std::ranges::replace(time, 'T', ' ');
  std::string text = fmt::format("{} {} {:<9} {}", entry.is_whole ? ' ' : '!', time, value(entry, "outcome"),
                                 value(entry, "what"));
  if (const auto uid = value(entry, "uid"); !uid.empty())
    text += fmt::format(", by uid {} (process {})", uid, value(entry, "pid"));
  if (const auto reason = value(entry, "reason"); !reason.empty()) text += ", for reasons of " + reason;
  if (const auto line = value(entry, "line"); !line.empty())
    text += fmt::format(", line {} of the policy", line);
  if (const auto detail = value(entry, "detail"); !detail.empty()) text += ": " + detail;
  // Whoever changed the log may have meant this terminal.
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

}  // namespace

History read_history(const std::vector<LogFile>& files) {
  History history;
  Reader reader(history);
  for (const LogFile& file : files) reader.read(file);
  return history;
}

std::string page_of(const History& history) {
  std::string page;
  for (const LogEntry& entry : history.entries) page += text_of(entry) + "\n";
  page +=
      fmt::format("\n{}, {}.\n", counted(history.entries.size(), "line"),
                  history.faults.empty() ? "each of which continues the one before it"
                                         : fmt::format("with {}", counted(history.faults.size(), "fault")));
  if (!history.has_beginning && !history.entries.empty())
    page += "The first one continues an earlier file: give that one first to have it looked at as well.\n";
  if (!history.end.empty())
    page += fmt::format("Nothing was taken off its end if the system log's last line ends in chain={}.\n",
                        history.end);
  return page;
}

}  // namespace certlatch
