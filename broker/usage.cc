// SPDX-License-Identifier: MIT
#include "broker/usage.h"

#include <algorithm>

#include "protocol/small_file.h"

namespace certlatch {
namespace {

constexpr std::int64_t kDay = 24 * 60 * 60;
constexpr const char* kFile = "usage";
constexpr std::size_t kMaxFileBytes = 4 << 20;

Result<void> store(const Usage& usage) {
  return replace_record(usage.state_directory, kFile, usage.entries, kMaxFileBytes)
      .in("the record of requests");
}

/// The entry's, none of them in the future.
std::vector<std::int64_t>& uses_of(Usage& usage, std::string_view heading) {
  bool clock_was_set_back = false;
  // A use from the future was made before the clock was set back. It counts as now, and is stored so, or it
  // would hold its place for as long as the clock had been wrong by.
  for (const auto now = usage.clock(); auto& entry : usage.entries)
    for (auto& use : entry.uses) clock_was_set_back |= std::exchange(use, std::min(use, now)) > now;
  if (clock_was_set_back) (void)store(usage);  // if that fails, the next take() stores it or fails for good
  auto& entries = usage.entries;
  const auto known = std::ranges::find(entries, heading, &Usage::Entry::heading);
  return known != entries.end() ? known->uses : entries.emplace_back(std::string(heading)).uses;
}

}  // namespace

Result<void> Usage::load() {
  entries = TRY(read_record<std::vector<Entry>>(state_directory, kFile, kMaxFileBytes)
                    .in("no whole record of earlier requests, all budgets are fresh"));
  return {};
}

std::uint32_t Usage::left(std::string_view heading, std::uint32_t per_day) {
  const auto used = std::ranges::count_if(uses_of(*this, heading),
                                          [since = clock() - kDay](auto use) { return use > since; });
  return used >= per_day ? 0 : per_day - static_cast<std::uint32_t>(used);
}

std::int64_t Usage::wait_for_one(std::string_view heading, std::uint32_t per_day) {
  const auto& uses = uses_of(*this, heading);
  return uses.size() < per_day ? 0 : std::max<std::int64_t>(uses[uses.size() - per_day] + kDay - clock(), 0);
}

Result<void> Usage::take(std::string_view heading, std::uint32_t per_day) {
  auto& uses = uses_of(*this, heading);
  const auto before = uses;
  uses.push_back(clock());
  uses.erase(uses.begin(), uses.end() - std::min<std::ptrdiff_t>(std::ssize(uses), per_day));
  auto stored = store(*this);
  if (!stored) uses = before;
  return stored;
}

}  // namespace certlatch
