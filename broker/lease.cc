// SPDX-License-Identifier: MIT
#include "broker/lease.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/netfilter/netfilter.h"
#include "broker/route_localnet.h"

namespace certlatch {
namespace {

/// The kernel counts in ticks, and from a moment before ours.
constexpr std::chrono::milliseconds kAfterTheEnd{20};

Refused refuse(unsigned line, const Error& error) {
  const bool is_conflict = error.kind == Error::Kind::conflict;
  return {is_conflict ? RefusalReason::conflict : RefusalReason::host, line, error.message, {}};
}

std::uint32_t seconds_until(Leases::Time end, Leases::Time now) {
  const auto left = std::chrono::ceil<std::chrono::seconds>(end - now).count();
  return static_cast<std::uint32_t>(std::max<std::int64_t>(left, 0));
}

}  // namespace

Result<std::unique_ptr<Leases>> Leases::prepare(const Policy& policy, int run_directory) {
  auto netfilter = TRY(Netfilter::open_kernel());
  // First of all: what follows would pull the ground from under another broker's openings.
  TRY(netfilter->remove_table(kLeaseTable));
  std::set<std::string> interfaces;
  for (const OpeningEntry& entry : policy.openings)
    if (entry.to_loopback) interfaces.insert(entry.interfaces.begin(), entry.interfaces.end());
  auto toggles = TRY(RouteLocalnet::prepare(interfaces, run_directory));
  TRY(netfilter->remove_table(kGuardTable));
  for (const OpeningEntry& entry : policy.openings) {
    TRY(netfilter->remove_gates(entry));
    TRY(netfilter->cut_flows(entry));
  }
  return std::make_unique<Leases>(std::move(netfilter), std::move(toggles), std::chrono::steady_clock::now);
}

Leases::Leases(std::unique_ptr<Netfilter> netfilter, std::unique_ptr<RouteLocalnet> toggles, Clock clock)
    : netfilter_(std::move(netfilter)), toggles_(std::move(toggles)), now_(std::move(clock)) {}

Leases::~Leases() {
  while (!leases_.empty()) (void)take_down(leases_.begin());
}

std::variant<Opened, Refused> Leases::open(const OpeningEntry& entry, std::uint32_t seconds) {
  sweep();
  for (const auto& [id, lease] : leases_)
    if (lease.entry.name == entry.name)
      return refuse(entry.line, Error::conflict(fmt::format(
                                    "opening `{}` is open already, for {} s more: it can be opened again "
                                    "when that lease is closed or over",
                                    entry.name, seconds_until(lease.end, now_()))));
  if (leases_.empty())
    if (auto removed = netfilter_->remove_table(kLeaseTable); !removed)
      return refuse(entry.line, removed.error());
  if (!entry.share)
    if (auto is_free = netfilter_->check_free(entry.port); !is_free)
      return refuse(entry.port_line, is_free.error());

  const std::uint32_t granted = seconds == 0 ? entry.at_most : std::min(seconds, entry.at_most);
  const std::chrono::seconds time(granted);
  const auto held = leases_.emplace(last_lease_ + 1, Lease{entry, {}}).first;
  auto done = netfilter_->open(entry, time);
  // Only now, as the guard stands: the toggle opens what it guards.
  if (done && entry.to_loopback) done = toggles_->set(loopback_interfaces());
  if (done) {
    held->second.end = now_() + time;
    return Opened{++last_lease_, granted};
  }
  Refused refused = refuse(entry.gates.empty() ? entry.line : entry.gate_line, done.error());
  if (auto undone = take_down(held); !undone) refused.sentence += "; " + undone.error().message;
  return refused;
}

/// When this returns the port is shut and the connections that came in by it are cut. The rest, which takes
/// the kernel longer, is for take_down().
Result<void> Leases::shut(Lease& lease) {
  lease.is_shut = true;
  lease.end = std::min(lease.end, now_());
  return or_give_up(netfilter_->shut(lease.entry));
}

/// When the kernel did not do what shuts a port, it is made to drop every opening.
Result<void> Leases::or_give_up(Result<void> done) {
  if (done) return done;
  netfilter_->abandon();
  for (auto& [id, lease] : leases_) lease.end = std::min(lease.end, now_());
  return fail(
      Error::conflict(done.error().message + ": every opening was dropped, certlatchd must be restarted"));
}

/// Undoes open(), as much of it as was done, in reverse; the lease is no longer `held`.
Result<void> Leases::take_down(All::iterator held) {
  Lease lease = std::move(leases_.extract(held).mapped());
  std::string failures;
  const auto note = [&](const Result<void>& step) {
    if (!step) failures += (failures.empty() ? "" : "; ") + step.error().message;
  };
  if (!lease.is_shut) note(shut(lease));
  // While the rules stand, they cut what this forgets.
  note(netfilter_->cut_flows(lease.entry));
  note(or_give_up(netfilter_->remove(lease.entry)));
  note(netfilter_->remove_gates(lease.entry).in("a gate stayed"));
  if (lease.entry.to_loopback) {
    const auto interfaces = loopback_interfaces();
    const auto lowered = toggles_->set(interfaces);
    note(lowered);
    if (lowered && interfaces.empty()) note(netfilter_->remove_table(kGuardTable));
  }
  if (!failures.empty()) return fail(Error::conflict(failures));
  return {};
}

/// Those whose toggle a lease needs.
std::set<std::string> Leases::loopback_interfaces() const {
  std::set<std::string> interfaces;
  for (const auto& [id, lease] : leases_)
    if (lease.entry.to_loopback)
      interfaces.insert(lease.entry.interfaces.begin(), lease.entry.interfaces.end());
  return interfaces;
}

Result<void> Leases::close(std::uint64_t lease) {
  const auto held = leases_.find(lease);
  if (held == leases_.end() || held->second.is_shut) return {};
  return shut(held->second);
}

/// Takes down what is over.
void Leases::sweep() {
  for (auto next = leases_.begin(); next != leases_.end();) {
    const auto held = next++;
    if (held->second.end > now_()) continue;
    const bool was_shut = held->second.is_shut;
    const std::string name = held->second.entry.name;
    const auto down = take_down(held);
    if (was_shut && down) continue;
    log_.push_back(fmt::format("{} opening `{}` {}{}", was_shut ? "the rules of" : "the time of", name,
                               was_shut ? "could not all be removed" : "was up",
                               down ? "" : ": " + down.error().message));
  }
}

std::vector<LeaseStatus> Leases::status() const {
  std::vector<LeaseStatus> all;
  for (const auto& [id, lease] : leases_)
    if (const auto left = seconds_until(lease.end, now_()); left > 0)
      all.push_back({id, lease.entry.name, left});
  return all;
}

std::vector<int> Leases::descriptors() const { return {netfilter_->events()}; }

std::optional<Leases::Time> Leases::next_tidy_up() const {
  std::optional<Time> next;
  for (const auto& [id, lease] : leases_) {
    const Time due = lease.is_shut ? lease.end : lease.end + kAfterTheEnd;
    next = std::min(next.value_or(due), due);
  }
  return next;
}

std::vector<std::string> Leases::tidy_up() {
  sweep();
  auto log = std::exchange(log_, {});
  std::ranges::move(netfilter_->restore(), std::back_inserter(log));
  return log;
}

}  // namespace certlatch
