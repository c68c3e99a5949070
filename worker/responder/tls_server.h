// SPDX-License-Identifier: MIT
// One listening socket on which tls-alpn-01 is answered, without threads: a handshake, and the connection
// ends; after ten seconds in any case.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "protocol/result.h"
#include "protocol/unique_fd.h"
#include "worker/responder/alpn_answers.h"
#include "worker/responder/server.h"

struct ssl_st;
struct ssl_ctx_st;

namespace certlatch {

class TlsServer : public Server {
 public:
  /// `answers` is borrowed.
  [[nodiscard]] static Result<std::unique_ptr<TlsServer>> start(UniqueFd listening, AlpnAnswers& answers);
  ~TlsServer() override;
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  [[nodiscard]] int fd() const override { return epoll_.get(); }
  [[nodiscard]] std::optional<Clock::time_point> next_deadline() const override;
  void serve() override;

 private:
  struct Free {
    void operator()(ssl_st* connection) const;
    void operator()(ssl_ctx_st* context) const;
  };
  struct Visitor {
    UniqueFd socket;
    std::unique_ptr<ssl_st, Free> tls;
    Clock::time_point end;
  };
  TlsServer(UniqueFd listening, AlpnAnswers& answers) : listening_(std::move(listening)), answers_(answers) {}
  static int choose_answer(ssl_st* connection, int* alert, void* self);
  void let_in();
  /// False when the visitor is done with.
  bool shake_hands(Visitor& visitor);
  void watch(int fd, int operation, std::uint32_t events) const;

  UniqueFd listening_;
  UniqueFd epoll_;
  AlpnAnswers& answers_;
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::map<int, Visitor> visitors_;  // by socket
};

}  // namespace certlatch
