// SPDX-License-Identifier: MIT
// Everyone a run talks to. The program starts processes and connects to the broker; tests answer from
// threads.
#pragma once

#include "protocol/channel.h"
#include "protocol/result.h"
#include "worker/role/helper_process.h"

namespace certlatch {

class Peers {
 public:
  virtual ~Peers() = default;
  /// Kind::closed or Kind::system with what to do next when there is no broker to talk to.
  virtual Result<Channel> connect_broker() = 0;
  /// The two are joined by a socketpair of their own; a keeper whose other end is closed serves this process
  /// alone.
  virtual Result<HelperProcess> start_keeper(UniqueFd acme) = 0;
  virtual Result<HelperProcess> start_acme(UniqueFd keeper) = 0;
  virtual Result<HelperProcess> start_responder() = 0;
  virtual Result<HelperProcess> start_dns() = 0;
  virtual Result<HelperProcess> start_verify() = 0;
};

/// The real ones: `program` executed again, and the broker at `socket`.
class ProcessPeers : public Peers {
 public:
  ProcessPeers(std::string program, std::string socket)
      : program_(std::move(program)), socket_(std::move(socket)) {}
  Result<Channel> connect_broker() override;
  Result<HelperProcess> start_keeper(UniqueFd acme) override;
  Result<HelperProcess> start_acme(UniqueFd keeper) override;
  Result<HelperProcess> start_responder() override;
  Result<HelperProcess> start_dns() override;
  Result<HelperProcess> start_verify() override;

 private:
  std::string program_;
  std::string socket_;
};

}  // namespace certlatch
