// SPDX-License-Identifier: MIT
// One listening socket served by libmicrohttpd without threads: it answers for the tokens it was given, and
// sends everybody else on. Every connection ends after one answer, and after ten seconds in any case.
//
// With `share = yes` the visitors of another web server come here while a lease lasts. They are sent to its
// HTTPS. Passing their requests on to its port 80 would make each of them a visitor from this very host, whom
// many servers let see more than others.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "protocol/result.h"
#include "protocol/unique_fd.h"
#include "worker/responder/server.h"

struct MHD_Daemon;
struct MHD_Connection;

namespace certlatch {

struct TokenEntry {
  std::string key_authorization;
  std::uint32_t requests = 0;
};

/// What this host has for visitors who want no token.
enum class Others : std::uint8_t {
  none,   // 404
  http,   // 503, and when to come again
  https,  // 307, to the same place there
};

/// What the servers answer for; shared by all of them.
struct Tokens {
  Others others = Others::none;
  std::map<std::string, TokenEntry, std::less<>> entries;
  std::uint32_t connections = 0;
};

inline constexpr std::chrono::seconds kConnectionDeadline{10};
inline constexpr unsigned kMaxConnections = 64;

class HttpServer : public Server {
 public:
  /// Nothing is accepted before the first serve(). `tokens` is borrowed.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(UniqueFd listening, Tokens& tokens);
  ~HttpServer() override;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] int fd() const override { return epoll_; }
  [[nodiscard]] std::optional<Clock::time_point> next_deadline() const override;
  void serve() override;

 private:
  struct Visit {
    Clock::time_point end;  // of its time
    std::string uri;        // as it was sent
  };

  int send_on(MHD_Connection* connection);
  explicit HttpServer(Tokens& tokens) : tokens_(tokens) {}
  friend struct HttpCallbacks;

  Tokens& tokens_;
  UniqueFd listening_;
  MHD_Daemon* daemon_ = nullptr;
  int epoll_ = -1;
  std::map<int, Visit> connected_;  // by socket
  bool has_room_again_ = false;     // a connection has ended in this run
};

}  // namespace certlatch
