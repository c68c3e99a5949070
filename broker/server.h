// SPDX-License-Identifier: MIT
// The broker at work: one poll() loop over the socket, its connections, the leases' descriptors and the
// clock. One request is carried out at a time; while that one waits for the inspector or the runner,
// connections that end are still noticed and their openings shut.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/session.h"
#include "protocol/unique_fd.h"

namespace certlatch {

/// Why serving ended, and whether that is a failure.
struct Leave {
  std::string reason;
  bool is_failure = false;
};

class Server {
 public:
  /// Borrows `listener` (listening, non-blocking) and `signals`, a signalfd(2) that reports SIGTERM, SIGINT,
  /// and SIGCHLD for the end of the inspector or the runner. Only `worker` is served.
  Server(Powers powers, int listener, int signals, uid_t worker, Limits limits = {});

  /// Serves until a signal, the end of a helper process, or idleness. What connections hold open is then
  /// shut.
  Leave run();
  /// One turn of the loop: waits up to `time` for something to do and does it; false when nothing came.
  bool turn(std::chrono::milliseconds time);

  [[nodiscard]] std::size_t connections() const { return sessions_.size(); }

 private:
  /// Polls until `until`: the signals, `fd`, of each connection `session_events`, and the leases. Signals and
  /// leases are dealt with. In that order, as poll(2) left them.
  std::vector<pollfd> look(int fd, short session_events, Deadline until);
  Result<bool> wait(int fd, Deadline until);
  void accept_connection();
  void read_signal();
  [[nodiscard]] Deadline next_deadline() const;

  Powers powers_;
  int listener_;
  int signals_;
  uid_t worker_;
  Limits limits_;
  std::vector<std::unique_ptr<Session>> sessions_;
  Deadline idle_since_;
  std::optional<Leave> leave_;
};

}  // namespace certlatch
