// SPDX-License-Identifier: MIT
// One process that helps the main process, seen from it: a channel, and how the process ended if it did.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "protocol/channel.h"
#include "protocol/result.h"
#include "protocol/unique_fd.h"

namespace certlatch {

class HelperProcess {
 public:
  /// Executes `program` (a path; /proc/self/exe for this program itself) as `certlatch role ROLE`, joined by
  /// a socketpair at descriptor 3. `second` becomes descriptor 4 when it is open. Everything else but
  /// standard error is closed to it; it dies with this process.
  [[nodiscard]] static Result<HelperProcess> start(const std::string& program, std::string_view role,
                                                   UniqueFd second = {});
  /// Without a process of its own: the other end is served by a thread of a test.
  HelperProcess(std::string role, Channel channel, pid_t pid = -1)
      : role_(std::move(role)), channel_(std::move(channel)), pid_(pid) {}
  HelperProcess(HelperProcess&& other) noexcept;
  HelperProcess& operator=(HelperProcess&& other) = delete;
  /// Closes the channel, which ends the process; kills it when that does not.
  ~HelperProcess();

  [[nodiscard]] Channel& channel() { return *channel_; }
  [[nodiscard]] const std::string& role() const { return role_; }

  /// Sends one order and waits for its answer.
  template <class Answer, class Order>
  Result<Answer> ask(const Order& order, Deadline deadline) {
    if (auto sent = channel_->send(order, deadline); !sent) return fail(explain(sent.error()));
    auto answer = channel_->template receive<Answer>(deadline);
    if (!answer) return fail(explain(answer.error()));
    return answer;
  }

  /// A failure of the channel in words: when the process is gone, how it ended.
  [[nodiscard]] Error explain(const Error& error);

 private:
  /// Its wait status, once it has ended; waits no longer than `deadline`.
  std::optional<int> reap(Deadline deadline);

  std::string role_;
  std::optional<Channel> channel_;
  pid_t pid_ = -1;
};

/// "signal 31: a system call that its confinement forbids", "status 1".
[[nodiscard]] std::string ending_text(int wait_status);

/// A pair of stream sockets, close-on-exec.
struct SocketPair {
  UniqueFd one, other;
};
[[nodiscard]] Result<SocketPair> joined_sockets();

}  // namespace certlatch
