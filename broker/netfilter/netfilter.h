// SPDX-License-Identifier: MIT
// What an opening needs of the kernel's packet filter, in the words of the policy. broker/netfilter/ is the
// only code that knows libnftnl, libmnl and their messages; lease.cc knows when each call is due. Virtual for
// the tests, whose packet filter is in memory and fails on demand.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/netfilter/netlink.h"
#include "policy/policy.h"

namespace certlatch {

inline constexpr char kLeaseTable[] = "certlatch";
/// Holds the guard of route_localnet: 127.0.0.0/8 stays unreachable from other hosts. It outlives this
/// process.
inline constexpr char kGuardTable[] = "certlatch_guard";

class Netfilter {
 public:
  /// With every socket that later calls use.
  static Result<std::unique_ptr<Netfilter>> open_kernel();
  virtual ~Netfilter() = default;

  /// Kind::conflict names the program that listens on `port`, or the chain of a rule that leads incoming
  /// connections to it elsewhere.
  virtual Result<void> check_free(std::uint16_t port);

  /// Opens `entry` for `time`, its gates and the guard included, in one transaction: all of it stands, or
  /// nothing. Kind::conflict when something of the host's ruleset is in the way. `entry` must not be open;
  /// before the first opening, remove_table(kLeaseTable) is due: to undo one over another process's would
  /// undo theirs.
  virtual Result<void> open(const OpeningEntry& entry, std::chrono::milliseconds time);
  /// Shuts the port, at once: the lease's element goes, and what stays of its rules cuts its connections.
  /// What is gone already is no error, nor is an entry that was never opened. After an Error the opening may
  /// still stand: abandon() must follow.
  virtual Result<void> shut(const OpeningEntry& entry);
  /// Ends the connections that came in through `entry`; takes milliseconds.
  virtual Result<void> cut_flows(const OpeningEntry& entry);
  /// Removes the rules, after shut() and cut_flows(); the table goes with the last one. After an Error
  /// abandon() must follow.
  virtual Result<void> remove(const OpeningEntry& entry);
  /// Removes every gate of `entry`: without the lease they let nothing through.
  virtual Result<void> remove_gates(const OpeningEntry& entry);
  /// Closes the socket that owns the table: the kernel drops every opening at once, and none can be made
  /// again.
  virtual void abandon();

  /// Removes a table of ours that an earlier broker, or a saved ruleset, left behind; none is no error.
  /// Kind::conflict when it belongs to a process that runs.
  virtual Result<void> remove_table(const char* table);

  /// Readable when somebody changed the ruleset: restore() is due.
  [[nodiscard]] int events() const { return events_.fd(); }
  /// Puts back what somebody else removed since the last call: gates and guard of what is open. A line for
  /// the log for each: "gate in inet filter input was removed by nft (pid 123) and put back". One that cannot
  /// be put back, as its chain is gone, is told of once.
  virtual std::vector<std::string> restore();

 private:
  Result<std::optional<std::string>> find_listener(std::uint16_t port);
  Result<bool> has_rules(const OpeningEntry& entry);
  std::optional<std::string> changed_by();

  NetlinkSocket owner_;             // owns the lease table: closing it is closing every opening
  NetlinkSocket look_;              // dumps, and changes of everything but the lease table
  NetlinkSocket events_;            // hears of every change
  NetlinkSocket sockets_;           // asks which sockets listen
  std::vector<OpeningEntry> open_;  // in the lease table
  std::set<std::string> lost_;      // what could not be put back
};

}  // namespace certlatch
