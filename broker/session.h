// SPDX-License-Identifier: MIT
// One connection of the worker: what has been said, what it holds open, and one table of all that may be
// asked (docs/protocol.md, "Turns"). Anything malformed, out of turn, oversized, late or carrying a
// descriptor ends the connection; a refusal by the policy is an ordinary answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/audit.h"
#include "broker/install.h"
#include "broker/lease.h"
#include "broker/services.h"
#include "broker/usage.h"
#include "policy/decision.h"
#include "policy/policy.h"
#include "protocol/channel.h"
#include "protocol/messages.h"

namespace certlatch {

/// All that a request can reach; borrowed, and alive as long as the server.
struct Powers {
  const Policy& policy;
  Leases& leases;
  Installer& installer;
  Services& services;
  Usage& usage;
  Audit& audit;
  std::string confinement;  // in words, for Hello
  /// Asked after each request: a helper that died or hung is replaced by ending the broker.
  std::function<bool()> helpers_are_alive;
};

struct Limits {
  std::size_t connections = 16;
  std::chrono::milliseconds frame = kFrameDeadline;  // from a frame's first byte to its last
  std::chrono::milliseconds answer{5'000};           // for the worker to take an answer
  std::chrono::milliseconds quiet{10 * 60 * 1000};   // a connection without a lease that asks nothing
  std::optional<std::chrono::milliseconds> idle;     // the broker leaves: no connection, no lease
};

class Session {
 public:
  Session(UniqueFd connection, Peer peer, Powers& powers, const Limits& limits);

  [[nodiscard]] int fd() const { return channel_.fd(); }
  /// Nothing more will be read or sent, and it holds no lease.
  [[nodiscard]] bool is_over() const { return is_over_; }

  /// For a readable connection: reads, and when a request is whole carries it out and answers it.
  void serve(const Wait& wait);
  /// The worker has ended the connection, possibly while a request of it is being carried out.
  void hang_up();
  /// Ends the connection when its deadline has passed, and forgets leases that are over.
  void check_time();
  /// When check_time() has something to do; nothing while a lease is open and no frame is under way.
  [[nodiscard]] std::optional<Deadline> deadline() const;

 private:
  void carry_out(const Wait& wait);
  void reply(const Answer& answer);

  Answer handle(const Hello& request, const Wait& wait);
  Answer handle(const Open& request, const Wait& wait);
  Answer handle(const Close& request, const Wait& wait);
  Answer handle(const Install& request, const Wait& wait);
  Answer handle(const Restart& request, const Wait& wait);
  Answer handle(const Status& request, const Wait& wait);
  Answer handle(const Stage& request, const Wait& wait);

  template <class Entry, class Act>
  Answer perform(std::string_view kind, std::string_view name, const Entry* entry, Act act);
  template <class Entry>
  std::optional<Refused> admit(const std::string& heading, const Entry& entry);
  Refused refuse(const std::string& what, Refused refusal);
  Result<void> log(const std::string& what, Outcome outcome, unsigned line = 0, std::string detail = {});

  /// Shuts the connection's leases, and logs why it ended.
  void end(Outcome outcome, std::string_view why);
  void end_by(const Error& error);

  Channel channel_;
  Peer peer_;
  Powers& powers_;
  const Limits& limits_;
  bool is_greeted_ = false;  // Hello was said and answered
  std::vector<std::uint64_t> leases_;
  bool has_staged_ = false;
  Deadline last_heard_;
  bool is_over_ = false;
};

}  // namespace certlatch
