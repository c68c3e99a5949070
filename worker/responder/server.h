// SPDX-License-Identifier: MIT
// What serves one listening socket within the responder's one loop.
#pragma once

#include <chrono>
#include <optional>

namespace certlatch {

class Server {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~Server() = default;
  /// Readable when serve() has something to do.
  [[nodiscard]] virtual int fd() const = 0;
  /// When serve() must run at the latest; nothing while no one is connected.
  [[nodiscard]] virtual std::optional<Clock::time_point> next_deadline() const = 0;
  /// Does what can be done without waiting, and cuts connections whose time is up.
  virtual void serve() = 0;
};

}  // namespace certlatch
