// SPDX-License-Identifier: MIT
#include "worker/state/ca_history.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "worker/state/certificate_state.h"
#include "worker/state/hex.h"

namespace certlatch {
namespace {

constexpr Seconds kHour = 3600, kThreeHours = 3 * kHour, kWeek = 7 * 24 * 3600;
constexpr std::size_t kMostLines = 4000;

bool read_number(std::string_view text, Seconds& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && number > 0;
}

std::string date_of(Seconds at) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(at)));
}

/// When one more may come after these, the oldest first: nothing while there is room.
std::optional<Seconds> room_from(std::vector<Seconds> times, std::uint32_t most, Seconds span) {
  if (most == 0 || times.size() < most) return std::nullopt;
  std::ranges::sort(times);
  return times[times.size() - most] + span;
}

template <class List>
void forget(List& list, Seconds now, Seconds span, auto&& at) {
  std::erase_if(list, [&](const auto& one) { return at(one) <= now - span || at(one) > now; });
  if (list.size() > kMostLines) list.erase(list.begin(), list.end() - kMostLines);
}

}  // namespace

void CaHistory::forget_before(Seconds now) {
  forget(orders, now, kThreeHours, [](Seconds at) { return at; });
  forget(issued, now, kWeek, [](const Issued& one) { return one.at; });
  forget(failed, now, kHour, [](const Failed& one) { return one.at; });
}

Digest digest_of_names(std::vector<std::string> names) {
  std::ranges::sort(names);
  return digest_of(fmt::format("{}", fmt::join(names, " ")));
}

std::optional<std::string> refusal_of(const CaHistory& history, const CaLimits& limits,
                                      const std::vector<std::string>& names, bool is_renewal, Seconds now) {
  CaHistory recent = history;
  recent.forget_before(now);
  if (const auto from = room_from(recent.orders, 3 * limits.orders_per_hour, kThreeHours))
    return fmt::format(
        "{} orders were placed within three hours, as many as `orders per hour` allows; the next may be "
        "placed at {}",
        3 * limits.orders_per_hour, date_of(*from));
  std::vector<Seconds> same;
  const Digest digest = digest_of_names(names);
  for (const auto& one : recent.issued)
    if (one.names == digest) same.push_back(one.at);
  if (const auto from = is_renewal ? std::nullopt : room_from(same, limits.same_names_per_week, kWeek))
    return fmt::format(
        "{} certificates for the same names were issued within a week, as many as `same names per "
        "week` allows; the next may be asked for at {}",
        limits.same_names_per_week, date_of(*from));
  for (const auto& name : names) {
    std::vector<Seconds> times;
    for (const auto& one : recent.failed)
      if (one.name == name) times.push_back(one.at);
    if (const auto from = room_from(times, limits.failures_per_hour, kHour))
      return fmt::format(
          "{} could not be validated {} times within an hour, as often as `failures per hour` "
          "allows; the next attempt may be made at {}",
          name, limits.failures_per_hour, date_of(*from));
  }
  return std::nullopt;
}

std::string history_text(const CaHistory& history) {
  std::string text;
  for (const Seconds at : history.orders) text += fmt::format("order {}\n", at);
  for (const auto& one : history.issued) text += fmt::format("issued {} {}\n", one.at, hex_text(one.names));
  for (const auto& one : history.failed) text += fmt::format("failed {} {}\n", one.at, one.name);
  return text;
}

CaHistory ca_history_from(std::string_view text) {
  CaHistory history;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto next_word = [&] {
      const auto blank = std::min(line.find(' '), line.size());
      const auto word = line.substr(0, blank);
      line.remove_prefix(std::min(blank + 1, line.size()));
      return word;
    };
    const auto kind = next_word();
    Seconds at = 0;
    if (!read_number(next_word(), at)) continue;
    if (kind == "order") history.orders.push_back(at);
    if (kind == "failed") history.failed.push_back({at, std::string(next_word())});
    if (Digest names{}; kind == "issued" && read_hex(next_word(), names))
      history.issued.push_back({at, names});
  }
  return history;
}

}  // namespace certlatch
