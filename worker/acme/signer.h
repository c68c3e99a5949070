// SPDX-License-Identifier: MIT
// Signatures from the keeper, which answers in the order of asking. Nothing waits here: making an RSA key may
// keep the keeper busy for seconds.
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "protocol/channel.h"
#include "worker/keeper/messages.h"

namespace certlatch {

class Signer {
 public:
  using Done = std::move_only_function<void(Result<std::string>)>;
  explicit Signer(Channel keeper) : keeper_(std::move(keeper)) {}

  /// To be watched for reading; -1 when the keeper is gone.
  [[nodiscard]] int fd() const { return is_gone_ ? -1 : keeper_.fd(); }
  /// `done` gets the JWS; it is called from run(), or from here when the keeper is gone.
  void sign(const SignatureOrder& order, Done done);
  /// Takes what the keeper has answered. A keeper that is gone or talks nonsense fails all that wait, now and
  /// later.
  void run();

 private:
  void give_up(const Error& error);

  Channel keeper_;
  std::deque<Done> waiting_;
  bool is_gone_ = false;
};

}  // namespace certlatch
