// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "protocol/channel.h"
#include "worker/responder/http_server.h"
#include "worker/responder/listening_socket.h"
#include "worker/responder/messages.h"
#include "worker/responder/tls_server.h"
#include "worker/role/role.h"

namespace certlatch {
namespace {

constexpr std::chrono::seconds kStartDeadline{60}, kSendDeadline{5};

class Responder {
 public:
  explicit Responder(Channel parent) : parent_(std::move(parent)) {}

  Result<void> run() {
    auto first = parent_.receive<ResponderOrder>(in(kStartDeadline));
    if (!first) return fail(first.error());
    const auto* listen = std::get_if<Listen>(&*first);
    if (listen == nullptr) return fail(Error::invalid("the first message is not Listen"));
    auto started = start(*listen);
    if (auto said = say(started ? ResponderAnswer(Listening{}) : ResponderFailed{started.error().message});
        !said)
      return said;
    return started ? serve() : Result<void>();
  }

 private:
  Result<void> start(const Listen& listen) {
    for (const ListenAt& place : listen.places) {
      auto socket = listening_socket(place);
      if (!socket) return fail(socket.error());
      if (auto started = place.is_tls ? start_tls(std::move(*socket)) : start_http(std::move(*socket));
          !started)
        return started;
    }
    tokens_.others = is_served(443) ? Others::https : is_served(80) ? Others::http : Others::none;
    return confine_role({.role = "responder", .landlock = {}, .may_serve = true});
  }

  Result<void> start_http(UniqueFd socket) {
    auto server = HttpServer::start(std::move(socket), tokens_);
    if (!server) return fail(server.error());
    servers_.push_back(std::move(*server));
    return {};
  }
  Result<void> start_tls(UniqueFd socket) {
    if (!alpn_) {
      // Its key is made before the confinement, and dies with this process.
      auto made = AlpnAnswers::make();
      if (!made) return fail(made.error());
      alpn_ = std::move(*made);
    }
    auto server = TlsServer::start(std::move(socket), *alpn_);
    if (!server) return fail(server.error());
    servers_.push_back(std::move(*server));
    return {};
  }

  Result<void> say(const ResponderAnswer& answer) { return parent_.send(answer, in(kSendDeadline)); }

  Result<void> serve() {
    for (;;) {
      std::vector<pollfd> ready{{parent_.fd(), POLLIN, 0}};
      for (const auto& server : servers_) ready.push_back({server->fd(), POLLIN, 0});
      if (::poll(ready.data(), ready.size(), wait_milliseconds()) < 0 && errno != EINTR)
        return fail(Error::system("poll"));
      for (const auto& server : servers_) server->serve();
      if (ready[0].revents == 0) continue;
      const auto whole = parent_.fill();
      if (!whole) return fail(whole.error());
      if (!*whole) continue;
      const auto order = parent_.take<ResponderOrder>();
      if (!order) return fail(order.error());
      if (auto said = say(std::visit([this](const auto& body) { return this->carry_out(body); }, *order));
          !said)
        return said;
    }
  }

  [[nodiscard]] int wait_milliseconds() const {
    std::optional<Server::Clock::time_point> next;
    for (const auto& server : servers_) {
      const auto deadline = server->next_deadline();
      if (deadline) next = next ? std::min(*next, *deadline) : deadline;
    }
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Server::Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }

  static ResponderAnswer carry_out(const Listen&) { return ResponderFailed{"the responder listens already"}; }
  ResponderAnswer carry_out(const AnswerToken& order) {
    if (!order.tls_name.empty()) {
      if (!alpn_) return ResponderFailed{"the responder listens for no TLS"};
      auto added = alpn_->add(order.token, order.tls_name, order.key_authorization);
      return added ? ResponderAnswer(TokenAnswered{}) : ResponderFailed{added.error().message};
    }
    tokens_.entries.insert_or_assign(order.token, TokenEntry{order.key_authorization, 0});
    return TokenAnswered{};
  }
  ResponderAnswer carry_out(const ForgetToken& order) {
    if (const auto handshakes = alpn_ ? alpn_->remove(order.token) : std::nullopt)
      return TokenForgotten{*handshakes, alpn_->connections};
    const auto found = tokens_.entries.find(order.token);
    TokenForgotten answer{.connections = tokens_.connections};
    if (found == tokens_.entries.end()) return answer;
    answer.requests = found->second.requests;
    tokens_.entries.erase(found);
    return answer;
  }

  Channel parent_;
  Tokens tokens_;
  std::unique_ptr<AlpnAnswers> alpn_;
  std::vector<std::unique_ptr<Server>> servers_;
};

}  // namespace

int responder_role(Channel parent) try {
  const auto done = Responder(std::move(parent)).run();
  if (done || done.error().kind == Error::Kind::closed) return 0;
  fmt::print(stderr, "certlatch responder: {}\n", done.error().message);
  return 1;
} catch (const std::exception& e) {
  fmt::print(stderr, "certlatch responder: {}\n", e.what());
  return 1;
}

}  // namespace certlatch
