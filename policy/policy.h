// SPDX-License-Identifier: MIT
// The policy file's meaning: everything the broker will ever do, and nothing else. docs/policy.md has the
// grammar.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/fault.h"
#include "protocol/messages.h"
#include "protocol/result.h"

namespace certlatch {

enum class Family : std::uint8_t { ip, ip6, inet };
[[nodiscard]] std::string_view name_of(Family family);  // "ip", "ip6", "inet"

/// A base chain of the admin's ruleset, or one that it jumps to, into which the mark gate goes.
struct Gate {
  Family family = Family::inet;
  std::string table;
  std::string chain;
  [[nodiscard]] std::string text() const;  // "inet filter input"
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
  [[nodiscard]] const OpeningEntry* opening(std::string_view name) const;
  [[nodiscard]] const InstallEntry* install(std::string_view name) const;
  [[nodiscard]] const ServiceEntry* service(std::string_view name) const;
};

/// Either a policy, or every fault found in the text, in the order of their lines; never both.
struct PolicyReading {
  std::optional<Policy> policy;
  std::vector<Fault> faults;
};

/// `text` is the file's whole contents (at most kMaxPolicyBytes), `file` its name for messages. Touches
/// nothing but its arguments: users, units, chains and interfaces are looked up by whoever uses the policy.
[[nodiscard]] PolicyReading read_policy(std::string_view text, std::string_view file);

inline constexpr std::size_t kMaxPolicyBytes = 4 * 1024 * 1024;

enum class PolicyFileTrust : std::uint8_t {
  owned_by_root,  // refuse a file, or a directory above it, that anyone but root could replace or write to
  any_owner,      // for `certlatch-policy check` of a draft
};

// Two of the values, for whoever proposes a policy.

/// "inet filter input"
[[nodiscard]] Result<Gate> read_gate(std::string_view text);
/// As the kernel bounds it, and neither `lo`, where nothing from outside arrives, nor one of the two names
/// that mean every interface to sysctl.
[[nodiscard]] Result<std::string> read_interface(std::string_view text);

/// Refuses what others could change: it must belong to root (or `owner`), who alone may write to it.
[[nodiscard]] Result<void> check_trusted(const struct stat& status, const std::string& path, uid_t owner = 0);

/// Opens, checks and reads the file. Faults as above; one with line 0 when it cannot be opened or trusted.
[[nodiscard]] PolicyReading load_policy(const std::string& path, PolicyFileTrust trust);

}  // namespace certlatch
