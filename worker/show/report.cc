// SPDX-License-Identifier: MIT
#include "worker/show/report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdio>
#include <ctime>

namespace certlatch {

void Report::wait(std::string_view of, std::string_view what, std::int64_t until) {
  constexpr std::int64_t kLong = 5;
  if (until - std::time(nullptr) >= kLong) say(fmt::format("{}: {}", of, wait_text(what, until)));
}

std::string wait_text(std::string_view what, std::int64_t until) {
  return fmt::format("{}, until {:%Y-%m-%d %H:%M:%S} UTC", what,
                     fmt::gmtime(static_cast<std::time_t>(until)));
}

void Console::say(std::string_view line) {
  if (verbosity_ == Verbosity::quiet) return;
  fmt::print(stdout, "{}\n", line);
  std::fflush(stdout);
}

void Console::problem(std::string_view line) { fmt::print(stderr, "certlatch: {}\n", line); }

void Console::detail(std::string_view line) {
  if (verbosity_ == Verbosity::verbose) say(line);
}

}  // namespace certlatch
