// SPDX-License-Identifier: MIT
// What the worker may ask of the broker, and what the broker answers. docs/protocol.md specifies every byte;
// the fields travel in the order of each serialize(). An entry is the name of a section of the policy, never
// a path, a port, a chain, a unit or a command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "protocol/digest.h"
#include "protocol/secret.h"

namespace certlatch {

inline constexpr std::uint32_t kProtocolVersion = 1;

// ---- requests

struct Hello {
  static constexpr std::uint8_t kTag = 1;
  std::uint32_t version = kProtocolVersion;
  void serialize(auto& archive) { archive(version); }
};

struct Open {
  static constexpr std::uint8_t kTag = 2;
  std::string entry;
  std::uint32_t seconds = 0;  // wanted length of the lease; 0 or more than the policy's `at most`: `at most`
  void serialize(auto& archive) { archive(entry, seconds); }
};

struct Close {
  static constexpr std::uint8_t kTag = 3;
  std::uint64_t lease = 0;
  void serialize(auto& archive) { archive(lease); }
};

struct Install {
  static constexpr std::uint8_t kTag = 4;
  std::string entry;
  std::string chain;       // PEM, the leaf first; exactly what fullchain.pem will hold
  Secret key;              // PEM, PKCS #8 or the traditional forms, not encrypted
  bool is_staged = false;  // not on the wire: a Stage
  void serialize(auto& archive) { archive(entry, chain, key); }
};

/// As Install, but without the services' checks: the Restart of each service makes up for them.
struct Stage : Install {
  static constexpr std::uint8_t kTag = 7;
  Stage() { is_staged = true; }
};

struct Restart {
  static constexpr std::uint8_t kTag = 5;
  std::string entry;  // a [service NAME]
  void serialize(auto& archive) { archive(entry); }
};

struct Status {
  static constexpr std::uint8_t kTag = 6;
  std::vector<std::string> installs;  // not on the wire: a StatusOf's
  void serialize(auto&) {}
};

/// Status of these install entries alone, or of all when there are none: a fleet's does not fit into a frame.
struct StatusOf : Status {
  static constexpr std::uint8_t kTag = 8;
  void serialize(auto& archive) { archive(installs); }
};

using Request = std::variant<Hello, Open, Close, Install, Restart, Status, Stage, StatusOf>;

// ---- answers: the request's tag with the high bit set, or Refused

struct HelloAnswer {
  static constexpr std::uint8_t kTag = 0x81;
  std::uint32_t version = kProtocolVersion;
  Digest policy{};          // of the policy file's bytes
  std::string confinement;  // what is in force, in words: "landlock 7, seccomp, cap_net_admin"
  void serialize(auto& archive) { archive(version, policy, confinement); }
};

struct Opened {
  static constexpr std::uint8_t kTag = 0x82;
  std::uint64_t lease = 0;
  std::uint32_t seconds = 0;  // until the kernel ends it
  void serialize(auto& archive) { archive(lease, seconds); }
};

struct Closed {
  static constexpr std::uint8_t kTag = 0x83;
};

struct Installed {
  static constexpr std::uint8_t kTag = 0x84;
  std::uint32_t version = 0;  // DIR/<version>; DIR/live points to it
  void serialize(auto& archive) { archive(version); }
};

struct Restarted {
  static constexpr std::uint8_t kTag = 0x85;
  std::string output;  // of the check and the command, at most kMaxOutputBytes
  void serialize(auto& archive) { archive(output); }
};
inline constexpr std::size_t kMaxOutputBytes = 8 * 1024;

enum class PairState : std::uint8_t {
  absent,   // nothing was ever installed, or `live` does not lead to a version
  whole,    // the files of the live version are as the broker wrote them
  altered,  // something else has changed, replaced or removed one of them
};
constexpr PairState last_of(PairState) { return PairState::altered; }

struct InstallStatus {
  std::string entry;
  PairState state = PairState::absent;
  std::uint32_t version = 0;
  Digest fingerprint{};               // of fullchain.pem's bytes as installed
  std::int64_t not_after = 0;         // of the leaf, seconds since 1970
  std::vector<std::string> services;  // those that the policy's entry names, in its order
  std::string directory;              // the entry's, where `live` is
  void serialize(auto& archive) {
    archive(entry, state, version, fingerprint, not_after, services, directory);
  }
};

struct LoadedPair {
  std::string install;
  Digest fingerprint{};
  void serialize(auto& archive) { archive(install, fingerprint); }
};

struct ServiceStatus {
  std::string entry;
  std::vector<LoadedPair> loaded;  // what was live when the service was last reloaded
  void serialize(auto& archive) { archive(entry, loaded); }
};

struct LeaseStatus {
  std::uint64_t lease = 0;
  std::string entry;
  std::uint32_t seconds = 0;  // left
  void serialize(auto& archive) { archive(lease, entry, seconds); }
};

struct BudgetStatus {
  std::string entry;       // as a section's heading: "open http", "install example.org", "service nginx"
  std::uint32_t left = 0;  // within the last 24 hours
  void serialize(auto& archive) { archive(entry, left); }
};

struct OpeningStatus {
  std::string entry;
  std::uint16_t port = 0;
  std::uint16_t to_port = 0;  // where the responder must listen
  bool to_loopback = false;   // on 127.0.0.1; otherwise on every address
  std::uint32_t at_most = 0;  // seconds
  void serialize(auto& archive) { archive(entry, port, to_port, to_loopback, at_most); }
};

struct StatusAnswer {
  static constexpr std::uint8_t kTag = 0x86;
  std::vector<InstallStatus> installs;
  std::vector<ServiceStatus> services;
  std::vector<LeaseStatus> leases;
  std::vector<BudgetStatus> budgets;  // only entries with a `per day`
  std::vector<OpeningStatus> openings;
  void serialize(auto& archive) { archive(installs, services, leases, budgets, openings); }
};

enum class RefusalReason : std::uint8_t {
  policy,    // no line covers it, or a line forbids it
  budget,    // `per day` is used up
  conflict,  // the host is in the way: a listener on the port, another's table, a chain that does not exist
  pair,      // the inspector refuses key or chain
  check,     // a service's check failed; an install was undone
  command,   // a service's command failed
  host,      // the host cannot: a full disk, a refused system call
};
constexpr RefusalReason last_of(RefusalReason) { return RefusalReason::host; }

struct Refused {
  static constexpr std::uint8_t kTag = 0xff;
  RefusalReason reason = RefusalReason::policy;
  std::uint32_t line = 0;  // of the policy file; 0: no line covers it
  std::string sentence;    // for a person, with what to do next where there is something
  std::string output;      // of a check or command, at most kMaxOutputBytes
  void serialize(auto& archive) { archive(reason, line, sentence, output); }
};

using Answer = std::variant<HelloAnswer, Opened, Closed, Installed, Restarted, StatusAnswer, Refused>;

}  // namespace certlatch
