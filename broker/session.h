// SPDX-License-Identifier: MIT
// What is said over one connection of the worker: what it has said and holds open, and one table of all that
// may be asked (docs/protocol.md, "Turns"). The server (broker/server.h) has the socket's side of it: frames,
// deadlines and ends.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "broker/audit.h"
#include "broker/install.h"
#include "broker/lease.h"
#include "broker/services.h"
#include "broker/usage.h"
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

struct Session {
  Powers& powers;
  Channel channel;
  ucred peer;  // who connected, as the kernel recorded it then
  Deadline last_heard = in({});
  bool is_greeted = false;            // Hello was said and answered
  std::vector<std::uint64_t> leases;  // that it opened, and which may be over
  bool has_staged = false;
  bool is_over = false;  // nothing more will be read or sent, and it holds no lease
};

/// Carries out the request whose frame is whole, and says what to answer: a refusal by the policy is an
/// ordinary answer. An error is a violation of the protocol: malformed, out of turn or oversized.
[[nodiscard]] Result<Answer> carry_out(Session& session, const Wait& wait);

/// The end, for whatever reason, and possibly while a request of the session's is being carried out: shuts
/// its leases, undoes what is staged, and logs why.
void end(Session& session, Outcome outcome, std::string why = {});

}  // namespace certlatch
