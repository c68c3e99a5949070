// SPDX-License-Identifier: MIT
#include "broker/usage.h"

#include <algorithm>
#include <chrono>

#include "protocol/small_file.h"

namespace certlatch {
namespace {

constexpr std::int64_t kDay = 24 * 60 * 60;
constexpr const char* kFile = "usage";
constexpr std::size_t kMaxFileBytes = 4 << 20;

}  // namespace

std::int64_t seconds_now() {
  using namespace std::chrono;
  return floor<seconds>(system_clock::now().time_since_epoch()).count();
}

std::optional<std::string> Usage::load() {
  auto record = read_record<Record>(directory_, kFile, kMaxFileBytes);
  if (!record) return "no whole record of earlier requests, all budgets are fresh: " + record.error().message;
  record_ = std::move(*record);
  return std::nullopt;
}

std::vector<std::int64_t>& Usage::uses(std::string_view heading) {
  const auto now = clock_();
  bool clock_was_set_back = false;
  for (auto& entry : record_.entries) {
    // A use from the future was made before the clock was set back. It counts as now, and is stored so, or it
    // would hold its place for as long as the clock had been wrong by.
    clock_was_set_back |= !entry.uses.empty() && entry.uses.back() > now;
    for (auto& use : entry.uses) use = std::min(use, now);
  }
  if (clock_was_set_back) (void)store();  // if that fails, the next take() stores it or fails for good
  const auto known = std::ranges::find(record_.entries, heading, &Entry::heading);
  return known != record_.entries.end() ? known->uses
                                        : record_.entries.emplace_back(std::string(heading)).uses;
}

std::uint32_t Usage::left(std::string_view heading, std::uint32_t per_day) {
  const auto used =
      std::ranges::count_if(uses(heading), [since = clock_() - kDay](auto use) { return use > since; });
  return used >= per_day ? 0 : per_day - static_cast<std::uint32_t>(used);
}

std::int64_t Usage::wait_for_one(std::string_view heading, std::uint32_t per_day) {
  const auto& all = uses(heading);
  return all.size() < per_day ? 0 : std::max<std::int64_t>(all[all.size() - per_day] + kDay - clock_(), 0);
}

Result<void> Usage::take(std::string_view heading, std::uint32_t per_day) {
  auto& all = uses(heading);
  const auto before = all;
  all.push_back(clock_());
  all.erase(all.begin(), all.end() - std::min<std::ptrdiff_t>(std::ssize(all), per_day));
  auto stored = store();
  if (!stored) all = before;
  return stored;
}

Result<void> Usage::store() {
  const auto text = encode_record(record_, kMaxFileBytes);
  const auto stored = text ? replace_small_file(directory_, kFile, *text) : fail(text.error());
  if (!stored) return fail(stored.error().in("the record of requests"));
  return {};
}

}  // namespace certlatch
