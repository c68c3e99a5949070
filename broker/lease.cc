// SPDX-License-Identifier: MIT
#include "broker/lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "broker/netfilter/netfilter.h"
#include "broker/route_localnet.h"

namespace certlatch {
namespace {

using Time = std::chrono::steady_clock::time_point;

/// The kernel counts in ticks, and from a moment before ours.
constexpr std::chrono::milliseconds kAfterTheEnd{20};

struct Lease {
  OpeningEntry entry;
  Time end;
  bool is_shut = false;  // its rules may stand
};

Refused refuse(const Error& error, unsigned line) {
  const bool is_conflict = error.kind == Error::Kind::conflict;
  return {is_conflict ? RefusalReason::conflict : RefusalReason::host, line, error.message, {}};
}
Refused conflict(unsigned line, std::string sentence) {
  return {RefusalReason::conflict, line, std::move(sentence), {}};
}

class KernelLeases : public Leases {
 public:
  KernelLeases(std::unique_ptr<Netfilter> netfilter, std::unique_ptr<RouteLocalnet> toggles, Clock clock)
      : netfilter_(std::move(netfilter)), toggles_(std::move(toggles)), now_(std::move(clock)) {}
  ~KernelLeases() override {
    for (auto& [id, lease] : leases_) (void)take_down(lease);
  }

  std::variant<Opened, Refused> open(const OpeningEntry& entry, std::uint32_t seconds) override;
  Result<void> close(std::uint64_t lease) override;
  std::vector<LeaseStatus> status() const override;
  std::vector<int> descriptors() const override { return {netfilter_->events()}; }
  std::optional<Time> next_tidy_up() const override;
  std::vector<std::string> tidy_up() override;

 private:
  std::optional<Refused> obstacle(const OpeningEntry& entry);
  Result<void> let_in(const OpeningEntry& entry, std::chrono::seconds time);
  Result<void> shut(Lease& lease);
  Result<void> give_up(const OpeningEntry& entry, const Error& why);
  Result<void> take_down(Lease& lease);
  void sweep();
  void restore(const OpeningEntry& entry, const std::string& by, std::vector<std::string>& log);
  [[nodiscard]] std::uint32_t seconds_left(const Lease& lease) const;

  std::unique_ptr<Netfilter> netfilter_;
  std::unique_ptr<RouteLocalnet> toggles_;
  Clock now_;
  std::map<std::uint64_t, Lease> leases_;
  std::vector<std::string> log_;  // for the next tidy_up()
  std::uint64_t last_lease_ = 0;
};

std::variant<Opened, Refused> KernelLeases::open(const OpeningEntry& entry, std::uint32_t seconds) {
  sweep();
  if (auto refused = obstacle(entry)) return *refused;
  const std::uint32_t granted = seconds == 0 ? entry.at_most : std::min(seconds, entry.at_most);
  const std::chrono::seconds time(granted);
  if (auto done = let_in(entry, time); !done) {
    Refused refused = refuse(done.error(), entry.gates.empty() ? entry.line : entry.gate_line);
    Lease failed{entry, now_()};
    if (auto undone = take_down(failed); !undone) refused.sentence += "; " + undone.error().message;
    return refused;
  }
  leases_.emplace(++last_lease_, Lease{entry, now_() + time});
  return Opened{last_lease_, granted};
}

/// What of the host's state is in the way, before anything is changed.
std::optional<Refused> KernelLeases::obstacle(const OpeningEntry& entry) {
  for (const auto& [id, lease] : leases_)
    if (lease.entry.name == entry.name)
      return conflict(entry.line,
                      fmt::format("opening `{}` is open already, for {} s more: it can be opened again "
                                  "when that lease is closed or over",
                                  entry.name, seconds_left(lease)));
  if (leases_.empty())
    if (auto removed = netfilter_->remove_stale_table(); !removed) return refuse(removed.error(), entry.line);

  const auto behind = netfilter_->listeners(entry.to_port);
  if (!behind) return refuse(behind.error(), entry.line);
  if (std::ranges::none_of(*behind, entry.to_loopback ? &Listener::is_on_loopback : &Listener::is_on_wire))
    return conflict(
        entry.line,
        fmt::format("nothing listens on {} port {}: the responder must be bound before the door opens",
                    entry.to_loopback ? "127.0.0.1" : "a public address,", entry.to_port));
  if (entry.share) return std::nullopt;

  constexpr char kRemedy[] = "say `share = yes` to take its new connections while the lease lasts";
  const auto listeners = netfilter_->listeners(entry.port);
  if (!listeners) return refuse(listeners.error(), entry.port_line);
  if (!listeners->empty())
    return conflict(entry.port_line,
                    fmt::format("port {} is in use, by a program that listens on {}: stop it, or {}",
                                entry.port, listeners->front().address, kRemedy));
  const auto rule = netfilter_->nat_rule(entry.port);
  if (!rule) return refuse(rule.error(), entry.port_line);
  if (*rule)
    return conflict(entry.port_line,
                    fmt::format("a NAT rule in chain {} leads port {} elsewhere already: remove it, or {}",
                                **rule, entry.port, kRemedy));
  return std::nullopt;
}

/// The guard stands before the toggle opens what it guards. take_down() is due after an error.
Result<void> KernelLeases::let_in(const OpeningEntry& entry, std::chrono::seconds time) {
  if (entry.to_loopback) {
    if (auto guarded = netfilter_->put_guard(); !guarded) return fail(guarded.error());
    for (const std::string& interface : entry.interfaces)
      if (auto raised = toggles_->raise(interface, entry.name); !raised) return raised;
  }
  return netfilter_->open(entry, time);
}

/// When this returns the port is shut and the connections that came in by it are cut. The rest, which takes
/// the kernel longer, is for take_down().
Result<void> KernelLeases::shut(Lease& lease) {
  lease.is_shut = true;
  lease.end = std::min(lease.end, now_());
  const auto shut = netfilter_->shut(lease.entry);
  return shut ? shut : give_up(lease.entry, shut.error());
}

Result<void> KernelLeases::give_up(const OpeningEntry& entry, const Error& why) {
  netfilter_->abandon();
  for (auto& [id, lease] : leases_) lease.end = std::min(lease.end, now_());
  (void)netfilter_->remove_gates(entry);
  return fail(Error::conflict(why.message + ": every opening was dropped, certlatchd must be restarted"));
}

/// Undoes let_in(), as much of it as was done, in reverse.
Result<void> KernelLeases::take_down(Lease& lease) {
  std::string failures;
  const auto note = [&](const Result<void>& step) {
    if (!step) failures += (failures.empty() ? "" : "; ") + step.error().message;
  };
  if (!lease.is_shut) note(shut(lease));
  // While the rules stand, they cut what this forgets.
  note(netfilter_->cut_flows(lease.entry));
  const auto removed = netfilter_->remove(lease.entry);
  if (!removed) note(give_up(lease.entry, removed.error()));
  if (removed && !removed->empty()) note(fail(Error::conflict("a gate stayed: " + *removed)));
  if (lease.entry.to_loopback) {
    note(toggles_->lower(lease.entry.name));
    if (!toggles_->is_any_needed()) note(netfilter_->remove_guard());
  }
  if (!failures.empty()) return fail(Error::conflict(failures));
  return {};
}

Result<void> KernelLeases::close(std::uint64_t lease) {
  const auto held = leases_.find(lease);
  if (held == leases_.end() || held->second.is_shut) return {};
  return shut(held->second);
}

/// Takes down what is over.
void KernelLeases::sweep() {
  for (auto& [id, lease] : leases_) {
    if (lease.end > now_()) continue;
    const bool was_shut = lease.is_shut;
    const auto down = take_down(lease);
    if (was_shut && down) continue;
    log_.push_back(fmt::format("{} opening `{}` {}{}", was_shut ? "the rules of" : "the time of",
                               lease.entry.name, was_shut ? "could not all be removed" : "was up",
                               down ? "" : ": " + down.error().message));
  }
  std::erase_if(leases_, [&](const auto& one) { return one.second.is_shut; });
}

std::uint32_t KernelLeases::seconds_left(const Lease& lease) const {
  const auto left = std::chrono::ceil<std::chrono::seconds>(lease.end - now_()).count();
  return static_cast<std::uint32_t>(std::max<std::int64_t>(left, 0));
}

std::vector<LeaseStatus> KernelLeases::status() const {
  std::vector<LeaseStatus> all;
  for (const auto& [id, lease] : leases_)
    if (seconds_left(lease) > 0) all.push_back({id, lease.entry.name, seconds_left(lease)});
  return all;
}

std::optional<Time> KernelLeases::next_tidy_up() const {
  std::optional<Time> next;
  for (const auto& [id, lease] : leases_) {
    const Time due = lease.is_shut ? lease.end : lease.end + kAfterTheEnd;
    next = std::min(next.value_or(due), due);
  }
  return next;
}

std::vector<std::string> KernelLeases::tidy_up() {
  const auto by = netfilter_->changed_by();
  sweep();
  auto log = std::exchange(log_, {});
  for (const auto& [id, lease] : leases_)
    if (by && !lease.is_shut) restore(lease.entry, *by, log);
  return log;
}

/// A reload of the admin's ruleset takes gates and guard away, but not the lease.
void KernelLeases::restore(const OpeningEntry& entry, const std::string& by, std::vector<std::string>& log) {
  const auto tell = [&](const std::string& what, const auto& put_back) {
    log.push_back(fmt::format("{} was removed by {} and {}", what, by,
                              put_back ? "put back" : "could not be put back: " + put_back.error().message));
  };
  const auto guarded = entry.to_loopback ? netfilter_->put_guard() : Result<bool>(false);
  if (!guarded || *guarded) tell("the guard of route_localnet", guarded);
  for (const auto& [place, put_back] : netfilter_->restore_gates(entry)) tell("gate in " + place, put_back);
}

}  // namespace

std::unique_ptr<Leases> Leases::on(std::unique_ptr<Netfilter> netfilter,
                                   std::unique_ptr<RouteLocalnet> toggles, Clock clock) {
  return std::make_unique<KernelLeases>(std::move(netfilter), std::move(toggles), std::move(clock));
}

Result<std::unique_ptr<Leases>> Leases::prepare(const Policy& policy, int run_directory) {
  auto netfilter = Netfilter::open_kernel();
  if (!netfilter) return fail(netfilter.error());
  // First of all: what follows would pull the ground from under another broker's openings.
  if (auto removed = (*netfilter)->remove_stale_table(); !removed) return fail(removed.error());

  std::vector<std::string> interfaces;
  for (const OpeningEntry& entry : policy.openings)
    if (entry.to_loopback)
      interfaces.insert(interfaces.end(), entry.interfaces.begin(), entry.interfaces.end());
  auto toggles = RouteLocalnet::prepare(interfaces, run_directory);
  if (!toggles) return fail(toggles.error());
  if (auto removed = (*netfilter)->remove_guard(); !removed) return fail(removed.error());
  for (const OpeningEntry& entry : policy.openings) {
    if (auto removed = (*netfilter)->remove_gates(entry); !removed) return fail(removed.error());
    if (auto cut = (*netfilter)->cut_flows(entry); !cut) return fail(cut.error());
  }
  return on(std::move(*netfilter), std::move(*toggles), std::chrono::steady_clock::now);
}

}  // namespace certlatch
