// SPDX-License-Identifier: MIT
// The broker at work: one poll() loop over the socket, its connections, the leases' descriptors and the
// clock. One request is carried out at a time; while that one waits for the inspector or the runner,
// connections that end are still noticed and their openings shut. Anything malformed, out of turn, oversized,
// late or carrying a descriptor ends the connection.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/session.h"

namespace certlatch {

/// Why serving ended, and whether that is a failure.
struct Leave {
  std::string reason;
  bool is_failure = false;
};

struct Limits {
  std::chrono::milliseconds frame = kFrameDeadline;  // from a frame's first byte to its last
  std::chrono::milliseconds answer{5'000};           // for the worker to take an answer
  std::chrono::milliseconds quiet{10 * 60 * 1000};   // a connection without a lease that asks nothing
  std::optional<std::chrono::milliseconds> idle;     // the broker leaves: no connection, no lease
};

/// Borrows `listener` (listening, non-blocking) and `signals`, a signalfd(2), non-blocking, that reports
/// SIGTERM, SIGINT, and SIGCHLD for the end of the inspector or the runner. Only `worker` is served.
struct Server {
  Powers powers;
  int listener;
  int signals;
  uid_t worker;
  Limits limits = {};
  // How things stand.
  std::vector<std::unique_ptr<Session>> sessions = {};
  Deadline idle_since = in({});
  std::optional<Leave> leave = {};

  /// Serves until a signal, the end of a helper process, or idleness. What connections hold open is then
  /// shut.
  Leave run();
  /// One turn of the loop: waits up to `time` for something to do and does it; false when nothing came.
  bool turn(std::chrono::milliseconds time);
};

}  // namespace certlatch
