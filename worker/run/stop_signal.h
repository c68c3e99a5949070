// SPDX-License-Identifier: MIT
// SIGINT, SIGTERM and SIGHUP as a request to shut the door, write down what is known, and leave.
#pragma once

#include "protocol/result.h"
#include "protocol/unique_fd.h"

namespace certlatch {

class StopSignal {
 public:
  /// Never asked for: for tests.
  StopSignal() = default;
  explicit StopSignal(UniqueFd fd) : fd_(std::move(fd)) {}
  /// Blocks the three signals for the process; they make fd() readable instead.
  [[nodiscard]] static Result<StopSignal> catch_signals();

  /// Readable for good once a signal has come; -1 when none ever will.
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool is_requested() const;

 private:
  UniqueFd fd_;
};

}  // namespace certlatch
