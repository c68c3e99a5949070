// SPDX-License-Identifier: MIT
// An opening's life. A lease is a timed element of a set in a table that the kernel ties to a netlink socket
// held here: it ends when it is closed, when its time is up, or when this process dies, whichever comes
// first. docs/threat-model.md says what that guarantees and on which kernels.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "policy/policy.h"
#include "protocol/messages.h"
#include "protocol/result.h"

namespace certlatch {

class Netfilter;
class RouteLocalnet;

/// Virtual for the tests of what is above it, whose leases are in memory.
class Leases {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Clock = std::function<Time()>;

  /// As root, before confinement: opens what every later call needs (netlink sockets, one descriptor for each
  /// route_localnet toggle that the policy's entries may set, the journal in `run_directory`), and undoes
  /// what an earlier broker left behind: gates, guard, toggles, tables. `run_directory` is borrowed and must
  /// outlive this.
  static Result<std::unique_ptr<Leases>> prepare(const Policy& policy, int run_directory);
  /// Without undoing anything.
  Leases(std::unique_ptr<Netfilter> netfilter, std::unique_ptr<RouteLocalnet> toggles, Clock clock);
  /// Shuts everything that is open.
  virtual ~Leases();

  /// Opens `entry` for min(seconds, entry.at_most); 0 seconds mean at_most. On Refused nothing is open and
  /// nothing of ours stands in the ruleset.
  virtual std::variant<Opened, Refused> open(const OpeningEntry& entry, std::uint32_t seconds);
  /// Shuts one lease; established flows are cut. What is left of its rules goes with the next tidy_up(),
  /// which is due at once. An unknown lease is a lease that is over: no error. An error says what could not
  /// be removed; the port is shut all the same.
  virtual Result<void> close(std::uint64_t lease);
  [[nodiscard]] virtual std::vector<LeaseStatus> status() const;

  /// For the event loop: tidy_up() must run when one of these is readable, or when next_tidy_up() has come.
  [[nodiscard]] virtual std::vector<int> descriptors() const;
  [[nodiscard]] virtual std::optional<Time> next_tidy_up() const;
  /// Removes what is left of leases that the kernel has ended, and puts back a gate that a reload of the
  /// admin's ruleset took away. Returns one line for the log for each thing that happened.
  virtual std::vector<std::string> tidy_up();

 private:
  struct Lease {
    OpeningEntry entry;
    Time end;
    bool is_shut = false;  // its rules may stand
  };
  using All = std::map<std::uint64_t, Lease>;

  Result<void> shut(Lease& lease);
  Result<void> or_give_up(Result<void> done);
  Result<void> take_down(All::iterator held);
  void sweep();
  [[nodiscard]] std::set<std::string> loopback_interfaces() const;

  std::unique_ptr<Netfilter> netfilter_;
  std::unique_ptr<RouteLocalnet> toggles_;
  Clock now_;
  All leases_;
  std::vector<std::string> log_;  // for the next tidy_up()
  std::uint64_t last_lease_ = 0;
};

}  // namespace certlatch
