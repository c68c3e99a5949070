// SPDX-License-Identifier: MIT
// The audit log, read: whatever was done to it shows, and is named once.
#include "policy/tool/history.h"

#include <doctest/doctest.h>

#include "policy/audit_chain.h"

namespace certlatch {
namespace {

std::string link_of(std::string_view line) { return std::string(line.substr(line.size() - kChainDigits)); }

std::vector<std::string> log_of(std::size_t count) {
  std::vector<std::string> lines;
  std::string previous;
  for (std::size_t i = 0; i < count; ++i) {
    lines.push_back(
        chained(previous, "time=2025-01-31T12:00:0" + std::to_string(i) +
                              ".123Z what=\"open http\" outcome=refused uid=997 pid=4711 reason=budget "
                              "line=16 detail=\"used \\\"up\\\"; wait\""));
    previous = link_of(lines.back());
  }
  return lines;
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

History read(const std::vector<std::string>& lines) { return read_history({{"log", text_of(lines)}}); }

TEST_CASE("a log as it was written is whole") {
  const auto history = read(log_of(5));
  CHECK(history.faults.empty());
  CHECK(history.has_beginning);
  CHECK(history.entries.size() == 5);
  CHECK(history.end == link_of(log_of(5).back()));
  CHECK(page_of(history).find(
            "2025-01-31 12:00:00 refused   open http, by uid 997 (process 4711), for reasons of "
            "budget, line 16 of the policy: used \\\"up\\\"; wait") != std::string::npos);
}

TEST_CASE("each line that is changed, at any byte, is one fault") {
  const auto whole = log_of(4);
  for (std::size_t line = 1; line < whole.size(); ++line)
    for (std::size_t at = 0; at < whole[line].size() - 39; ++at) {
      auto lines = whole;
      lines[line][at] ^= 1;
      if (lines[line][at] == '\n') continue;
      const auto history = read(lines);
      REQUIRE(history.faults.size() == 1);
      CHECK(history.faults[0].line == line + 1);
    }
}

TEST_CASE("a line whose link is changed is noticed") {
  auto lines = log_of(4);
  lines[1].back() = lines[1].back() == '0' ? '1' : '0';
  CHECK(read(lines).faults.size() == 2);  // it does not fit, and what follows does not continue it
}

TEST_CASE("lines that are removed, put in, swapped or written twice are noticed where it shows") {
  const auto whole = log_of(6);
  for (std::size_t line = 1; line + 1 < whole.size(); ++line) {
    auto removed = whole, twice = whole, swapped = whole, foreign = whole;
    removed.erase(removed.begin() + static_cast<std::ptrdiff_t>(line));
    twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(line), whole[line]);
    std::swap(swapped[line], swapped[line + 1]);
    foreign.insert(foreign.begin() + static_cast<std::ptrdiff_t>(line), "time=now what=\"x\" outcome=done");
    REQUIRE(read(removed).faults.size() == 1);
    CHECK(read(removed).faults[0].line == line + 1);
    CHECK_FALSE(read(twice).faults.empty());
    CHECK_FALSE(read(swapped).faults.empty());
    REQUIRE(read(foreign).faults.size() == 1);
    CHECK(read(foreign).faults[0].sentence.find("no link") != std::string::npos);
  }
}

TEST_CASE("a line that was cut is a fault, and the ones after it are whole") {
  auto lines = log_of(4);
  lines.insert(lines.begin() + 2, lines[2].substr(0, 40));
  const auto history = read(lines);
  REQUIRE(history.faults.size() == 1);
  CHECK(history.faults[0].line == 3);
}

TEST_CASE("rotation cuts the log, and the chain goes on") {
  const auto whole = log_of(6);
  const std::vector<std::string> old(whole.begin(), whole.begin() + 3), now(whole.begin() + 3, whole.end());
  CHECK(read_history({{"log.1", text_of(old)}, {"log", text_of(now)}}).faults.empty());
  const auto alone = read(now);
  CHECK(alone.faults.empty());
  CHECK_FALSE(alone.has_beginning);
  CHECK(page_of(alone).find("give that one first") != std::string::npos);
  const std::vector<std::string> less(now.begin() + 1, now.end());
  const auto gap = read_history({{"log.1", text_of(old)}, {"log", text_of(less)}});
  REQUIRE(gap.faults.size() == 1);
  CHECK(gap.faults[0].text().starts_with("log:1: "));
}

TEST_CASE("anything at all can be read") {
  for (const std::string& text :
       {std::string(), std::string("\n\n"), std::string("=\"\\"), std::string(3000, '='),
        std::string("a=\"b"), std::string(100, '\0'), std::string("\xff\xfe=\"\x1b[2J")})
    CHECK(page_of(read_history({{"log", text}})).size() < 10000);
}

}  // namespace
}  // namespace certlatch
