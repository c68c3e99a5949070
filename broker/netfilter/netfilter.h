// SPDX-License-Identifier: MIT
// What an opening needs of the kernel's packet filter, in the words of the policy. broker/netfilter/ is the
// only code that knows libnftnl, libmnl and their messages; lease.cc knows when each call is due.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "protocol/result.h"

namespace certlatch {

struct Listener {
  std::string address;          // "0.0.0.0", "::", "192.0.2.1"
  bool is_on_wire = false;      // it accepts connections that were made to an address other than loopback
  bool is_on_loopback = false;  // it accepts connections to 127.0.0.1
};

struct GateChange {
  std::string place;      // "inet filter input"
  Result<void> put_back;  // or why it could not be
};

class Netfilter {
 public:
  /// The kernel's, with every socket that later calls use.
  static Result<std::unique_ptr<Netfilter>> open_kernel();
  virtual ~Netfilter() = default;

  /// TCP sockets that listen on `port`, whatever their address.
  virtual Result<std::vector<Listener>> listeners(std::uint16_t port) = 0;
  /// Names the chain of a rule that already leads incoming connections to `port` elsewhere: "ip nat
  /// PREROUTING".
  virtual Result<std::optional<std::string>> nat_rule(std::uint16_t port) = 0;

  /// Opens `entry` for `time`, gates included, in one transaction: all of it stands, or nothing.
  /// Kind::conflict when something of the host's ruleset is in the way. `entry` must not be open; before
  /// the first opening, remove_stale_table() is due: to undo one over another process's would undo theirs.
  virtual Result<void> open(const OpeningEntry& entry, std::chrono::milliseconds time) = 0;
  /// Shuts the port, at once: the lease's element goes, and what stays of its rules cuts its connections.
  /// What is gone already is no error, nor is an entry that was never opened. After an Error the opening may
  /// still stand: abandon() must follow.
  virtual Result<void> shut(const OpeningEntry& entry) = 0;
  /// Removes the rest, after shut() and cut_flows(), in one transaction when it can; the table goes with the
  /// last one. The value says why gates could not be removed, and is empty when none stayed: without the
  /// lease they let nothing through. After an Error abandon() must follow.
  virtual Result<std::string> remove(const OpeningEntry& entry) = 0;
  /// Closes the socket that owns the table: the kernel drops every opening at once, and none can be made
  /// again.
  virtual void abandon() = 0;
  /// Ends the connections that came in through `entry`; takes milliseconds.
  virtual Result<void> cut_flows(const OpeningEntry& entry) = 0;

  /// Puts back each gate of `entry`, which is open, that somebody removed; what changed. A gate whose chain
  /// is gone is told of once.
  virtual std::vector<GateChange> restore_gates(const OpeningEntry& entry) = 0;
  /// Removes every gate of `entry`.
  virtual Result<void> remove_gates(const OpeningEntry& entry) = 0;
  /// Removes a table that an earlier broker, or a saved ruleset, left behind. Kind::conflict when it belongs
  /// to a process that runs.
  virtual Result<void> remove_stale_table() = 0;

  // The guard of route_localnet: 127.0.0.0/8 stays unreachable from other hosts. It outlives this process.
  /// True when it was missing.
  virtual Result<bool> put_guard() = 0;
  virtual Result<void> remove_guard() = 0;

  /// Readable when somebody changed the ruleset.
  [[nodiscard]] virtual int events() const = 0;
  /// Who else changed the ruleset since the last call: "nft (pid 123)"; nothing when nobody did.
  virtual std::optional<std::string> changed_by() = 0;
};

}  // namespace certlatch
