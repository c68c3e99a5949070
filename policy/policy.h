// SPDX-License-Identifier: MIT
// The policy file's meaning: everything the broker will ever do, and nothing else. docs/policy.md has the
// grammar.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/ini_file.h"
#include "protocol/messages.h"
#include "protocol/result.h"

namespace certlatch {

enum class Family : std::uint8_t { inet = 1, ip = 2, ip6 = 10 };  // the kernel's NFPROTO_*
[[nodiscard]] constexpr std::string_view name_of(Family family) {
  return family == Family::ip ? "ip" : family == Family::ip6 ? "ip6" : "inet";
}

/// A base chain of the admin's ruleset, or one that it jumps to, into which the mark gate goes.
struct Gate {
  Family family = Family::inet;
  std::string table;
  std::string chain;
  /// "inet filter input"
  [[nodiscard]] std::string text() const { return std::string(name_of(family)) + " " + table + " " + chain; }
  bool operator==(const Gate&) const = default;
};

enum class GateKind : std::uint8_t {
  inserted,   // at the head of each named chain, for the lease
  is_static,  // the admin's own ruleset holds it
  none,       // no input chain drops anything
};

/// Chosen to miss the bits that kube-proxy (0x4000, 0x8000) and tailscale (0xff0000 as 0x40000, 0x80000) use.
inline constexpr std::uint32_t kDefaultMark = 0xac3e0050;

struct OpeningEntry {
  std::string name;
  std::uint16_t port = 0;
  std::uint16_t to_port = 0;
  bool to_loopback = false;  // `to = 127.0.0.1:PORT`: IPv4 only, needs route_localnet and its guard
  std::vector<std::string> interfaces;
  GateKind gate = GateKind::inserted;
  std::vector<Gate> gates;    // only with GateKind::inserted; at least one then
  std::uint32_t at_most = 0;  // seconds, 1 to 86,400
  std::optional<std::uint32_t> per_day;
  bool share = false;
  std::uint32_t mark = kDefaultMark;
  unsigned line = 0;  // of the section's heading; the others are 0 where the key is absent
  unsigned port_line = 0, gate_line = 0, per_day_line = 0;
};

struct InstallEntry {
  std::string name;
  std::vector<std::string> names;  // lower case: host names, `*.` wildcards, IP addresses in canonical text
  std::string directory;           // absolute, without `.`, `..`, doubled or trailing slashes
  std::string owner_user, owner_group;
  std::uint32_t mode = 0;  // owner: read, perhaps write; group: perhaps read; others: nothing
  bool combined = false;
  std::vector<std::string> services;  // each a [service] of the same file
  std::optional<std::uint32_t> per_day;
  std::string trust;  // absolute path of a PEM file, or empty
  unsigned line = 0, names_line = 0, per_day_line = 0;
};

enum class ServiceAction : std::uint8_t { reload_unit, restart_unit, command };

struct ServiceEntry {
  std::string name;
  ServiceAction action = ServiceAction::command;
  std::string unit;                  // for the two unit actions: "nginx.service"
  std::vector<std::string> command;  // for ServiceAction::command: absolute path and arguments
  std::vector<std::string> check;    // absolute path and arguments, or empty
  std::optional<std::uint32_t> per_day;
  std::uint32_t timeout = 60;  // seconds, for check and action each, 1 to 600
  unsigned line = 0, check_line = 0, per_day_line = 0;
};

struct Policy {
  std::string file;  // as named on the command line, for messages
  Digest digest{};   // of the file's bytes
  std::string worker;
  std::string audit;  // absolute path
  std::string user = "certlatch-broker";
  bool confinement_required = true;
  std::vector<OpeningEntry> openings;
  std::vector<InstallEntry> installs;
  std::vector<ServiceEntry> services;

  // nullptr when the policy has no entry of that name.
  [[nodiscard]] const OpeningEntry* opening(std::string_view name) const { return find(openings, name); }
  [[nodiscard]] const InstallEntry* install(std::string_view name) const { return find(installs, name); }
  [[nodiscard]] const ServiceEntry* service(std::string_view name) const { return find(services, name); }

 private:
  template <class Entry>
  static const Entry* find(const std::vector<Entry>& entries, std::string_view name) {
    const auto it = std::ranges::find(entries, name, &Entry::name);
    return it == entries.end() ? nullptr : &*it;
  }
};

/// Either a policy, or every fault found in the text, in the order of their lines; never both.
using PolicyReading = std::expected<Policy, std::vector<Fault>>;

/// `text` is the file's whole contents (at most kMaxPolicyBytes), `file` its name for messages. Touches
/// nothing but its arguments: users, units, chains and interfaces are looked up by whoever uses the policy.
[[nodiscard]] PolicyReading read_policy(std::string_view text, std::string_view file);

inline constexpr std::size_t kMaxPolicyBytes = 4 * 1024 * 1024;

// Two of the values, for whoever proposes a policy.

/// "inet filter input"
[[nodiscard]] Result<Gate> read_gate(std::string_view text);
/// As the kernel bounds it, and neither `lo`, where nothing from outside arrives, nor one of the two names
/// that mean every interface to sysctl.
[[nodiscard]] Result<std::string> read_interface(std::string_view text);

/// Refuses what others could change: it must belong to root (or `owner`), who alone may write to it.
[[nodiscard]] Result<void> check_trusted(const struct stat& status, const std::string& path, uid_t owner = 0);

/// Opens, checks and reads the file: one, or one below a directory, that anyone but root could replace or
/// write to is refused. Faults as above; one with line 0 when it cannot be opened or trusted.
[[nodiscard]] PolicyReading load_policy(const std::string& path);

}  // namespace certlatch
