// SPDX-License-Identifier: MIT
#include "worker/show/words.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace certlatch {
namespace {

std::tm utc(Seconds time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return parts;
}

std::string typed(std::string_view type, std::string_view detail) {
  if (type.empty()) return std::string(detail);
  return detail.empty() ? std::string(type) : fmt::format("{}: {}", type, detail);
}

}  // namespace

std::string date_text(Seconds time) { return fmt::format("{:%Y-%m-%d}", utc(time)); }
std::string time_text(Seconds time) { return fmt::format("{:%Y-%m-%d %H:%M} UTC", utc(time)); }

std::string span_text(Seconds span) {
  const auto counted = [](Seconds n, std::string_view unit) {
    return fmt::format("{} {}{}", n, unit, n == 1 ? "" : "s");
  };
  if (span >= 2 * 24 * 3600) return counted(span / (24 * 3600), "day");
  if (span >= 2 * 3600) return counted(span / 3600, "hour");
  if (span >= 60) return counted(span / 60, "minute");
  return counted(span, "second");
}

std::string problem_text(const OrderFailed& failure) {
  std::string text = failure.sentence;
  if (!failure.type.empty() || !failure.detail.empty())
    text += fmt::format("\n  {}", typed(failure.type, failure.detail));
  for (const SubProblem& part : failure.subproblems) {
    text +=
        fmt::format("\n  {}{}{}", part.name, part.name.empty() ? "" : ": ", typed(part.type, part.detail));
  }
  return text;
}

}  // namespace certlatch
