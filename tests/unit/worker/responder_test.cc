// SPDX-License-Identifier: MIT
// The responder as the real process, confined as it always is.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>

#include <chrono>
#include <memory>

#include "tests/unit/worker/own_network.h"
#include "worker/responder/messages.h"
#include "worker/role/helper_process.h"

using namespace certlatch;
using namespace std::chrono_literals;

namespace {

constexpr std::uint16_t kPort = 8080;
const std::string kPath = "/.well-known/acme-challenge/";

struct Responder {
  HelperProcess process = [] {
    enter_own_network();
    return HelperProcess::start(CERTLATCH_PROGRAM, "responder").value();
  }();
  template <class Wanted>
  Wanted ask(const ResponderOrder& order) {
    auto answer = process.ask<ResponderAnswer>(order, in(10s));
    if (!answer) FAIL(answer.error().message);
    REQUIRE(std::holds_alternative<Wanted>(*answer));
    return std::get<Wanted>(*answer);
  }
  void listen(bool loopback_only = false) { ask<Listening>(Listen{{{kPort, loopback_only}}}); }
};

UniqueFd connected(int family = AF_INET) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int outcome = -1;
  if (family == AF_INET) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(kPort);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    outcome = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(kPort);
    address.sin6_addr = in6addr_loopback;
    outcome = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  if (outcome != 0) fd.reset();
  return fd;
}

/// Everything until the peer closes, or what came within the time.
std::string read_all(int fd, std::chrono::milliseconds time) {
  std::string text;
  const auto end = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd ready{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0)
      return text + "[still open]";
    char buffer[4096];
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

std::string say(const std::string& request, int family = AF_INET) {
  const UniqueFd fd = connected(family);
  if (!fd.is_open()) return "[refused]";
  REQUIRE(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size()));
  return read_all(fd.get(), 5s);
}

std::string get(const std::string& path, int family = AF_INET) {
  return say("GET " + path + " HTTP/1.1\r\nHost: a.example\r\n\r\n", family);
}

bool is_not_found(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 404 ") && !answer.contains("[still open]") && !answer.contains("thumb");
}

}  // namespace

TEST_CASE("a token is answered for over IPv4 and IPv6, and the connection ends") {
  Responder responder;
  responder.listen();
  responder.ask<TokenAnswered>(AnswerToken{"token", "token.thumb"});
  for (const int family : {AF_INET, AF_INET6}) {
    const auto answer = get(kPath + "token", family);
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(answer.contains("\r\nContent-Type: application/octet-stream\r\n"));
    CHECK(answer.contains("\r\nConnection: close\r\n"));
    CHECK(answer.ends_with("\r\n\r\ntoken.thumb"));
  }
  const auto forgotten = responder.ask<TokenForgotten>(ForgetToken{"token"});
  CHECK(forgotten.requests == 2);
  CHECK(forgotten.connections == 2);
  CHECK(is_not_found(get(kPath + "token")));
}

TEST_CASE("everything else is not found") {
  Responder responder;
  responder.listen();
  responder.ask<TokenAnswered>(AnswerToken{"token", "token.thumb"});
  for (const char* path :
       {"/", "/.well-known/acme-challenge/", "/.well-known/acme-challenge",
        "/.well-known/acme-challenge/other", "/.well-known/acme-challenge/token/",
        "/.well-known/acme-challenge//token", "/.well-known/acme-challenge/../acme-challenge/token",
        "/x/../.well-known/acme-challenge/token", "/.well-known/acme-challenge/%74oken",
        "/.well-known/acme-challenge/token%00", "//etc/passwd",
        "/.well-known/acme-challenge/../../etc/passwd", "/.WELL-KNOWN/acme-challenge/token",
        "/.well-known/acme-challenge/TOKEN"})
    CHECK_MESSAGE(is_not_found(get(path)), path);
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS"}) {
    CHECK(is_not_found(say(std::string(method) + " " + kPath +
                           "token HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")));
  }
  CHECK(responder.ask<TokenForgotten>(ForgetToken{"token"}).requests == 0);
}

TEST_CASE("what is no HTTP gets no answer that matters") {
  Responder responder;
  responder.listen();
  responder.ask<TokenAnswered>(AnswerToken{"token", "token.thumb"});
  for (const std::string& request :
       {std::string("\x16\x03\x01\x02\x00\x01\r\n\r\n", 10),
        "GET " + kPath + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n",
        "GET " + kPath + "token HTTP/1.1\r\n" + "X: " + std::string(20'000, 'a') + "\r\n\r\n"}) {
    const UniqueFd fd = connected();
    (void)::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    const auto answer = read_all(fd.get(), 5s);
    CHECK_FALSE(answer.contains("thumb"));
    CHECK_FALSE(answer.contains("[still open]"));
  }
  CHECK(get(kPath + "token").contains("token.thumb"));
}

TEST_CASE("a client that is slow is cut after ten seconds, whatever it drips, and keeps nobody waiting") {
  Responder responder;
  responder.listen();
  responder.ask<TokenAnswered>(AnswerToken{"token", "token.thumb"});
  const UniqueFd silent = connected(), dripping = connected();
  const auto began = std::chrono::steady_clock::now();
  bool is_cut = false;
  while (!is_cut && std::chrono::steady_clock::now() - began < 15s) {
    (void)::send(dripping.get(), "G", 1, MSG_NOSIGNAL);
    CHECK(get(kPath + "token").contains("token.thumb"));
    is_cut = read_all(dripping.get(), 200ms).find("[still open]") == std::string::npos;
  }
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(is_cut);
  CHECK(took > 8s);
  CHECK(took < 13s);
  CHECK_FALSE(read_all(silent.get(), 2s).contains("[still open]"));
}

TEST_CASE("at most 64 connections are held, and room comes back") {
  Responder responder;
  responder.listen();
  responder.ask<TokenAnswered>(AnswerToken{"token", "token.thumb"});
  std::vector<UniqueFd> many;
  for (int i = 0; i < 100; ++i) many.push_back(connected());
  ::usleep(300'000);
  responder.ask<TokenAnswered>(AnswerToken{"other", "other.thumb"});
  const auto held = responder.ask<TokenForgotten>(ForgetToken{"other"}).connections;
  CHECK(held > 32);
  CHECK(held <= 64);
  many.clear();
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (!get(kPath + "token").contains("token.thumb") && std::chrono::steady_clock::now() < end)
    ::usleep(10'000);
  CHECK(get(kPath + "token").contains("token.thumb"));
}

TEST_CASE("the loopback form listens on 127.0.0.1 alone") {
  Responder responder;
  responder.listen(true);
  responder.ask<TokenAnswered>(AnswerToken{"token", "token.thumb"});
  CHECK(get(kPath + "token").contains("token.thumb"));
  CHECK(get(kPath + "token", AF_INET6) == "[refused]");
}

TEST_CASE("a port that is taken is said in a sentence") {
  Responder first;
  first.listen();
  Responder second;
  const auto failed = second.ask<ResponderFailed>(Listen{{{kPort, false}}});
  CHECK(failed.sentence ==
        "port 8080 is taken by another program: `ss -ltnp sport = :8080` shows which; the responder needs it "
        "for "
        "the challenge");
}
