// SPDX-License-Identifier: MIT
// What the worker can see by itself of a challenge, before a CA is told of it.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <thread>

#include "tests/unit/worker/own_network.h"
#include "worker/check/address_check.h"
#include "worker/check/self_check.h"

using namespace certlatch;

namespace {

const std::set<std::string> kOwn = {"192.0.2.1", "2001:db8::1"};
constexpr Families kIpv4Only{true, false};

NameAddresses leads_to(std::vector<std::string> addresses) {
  return {.name = "a.example", .addresses = std::move(addresses), .trouble = {}};
}

/// Listens on a port of the loopback, and gives one answer to every visitor.
class FakeServer {
 public:
  explicit FakeServer(std::string answer) : answer_(std::move(answer)) {
    enter_own_network();
    socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_.get(), 8) == 0);
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (;;) {
        const UniqueFd visitor(::accept(socket_.get(), nullptr, nullptr));
        if (!visitor.is_open()) return;
        char request[512];
        (void)::recv(visitor.get(), request, sizeof request, 0);
        (void)::send(visitor.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
      }
    });
  }
  ~FakeServer() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port = 0;

 private:
  std::string answer_;
  UniqueFd socket_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("an address that is not this host's is no fault") {
  const auto findings = judge_addresses({leads_to({"198.51.100.7", "2001:db8:9::1"})}, {}, kOwn);
  CHECK(findings.refusal.empty());
  CHECK(findings.warnings.empty());
}

TEST_CASE("a name that the zone itself denies is refused, and one that nothing is known of is not") {
  auto none = leads_to({});
  CHECK(judge_addresses({none}, {}, kOwn).refusal.empty());
  CHECK(judge_addresses({none}, {}, kOwn).warnings.size() == 1);
  none.is_denied = true;
  CHECK(judge_addresses({none}, {}, kOwn).refusal.starts_with("a.example has neither"));
  none = leads_to({});
  none.trouble = "no resolver answered";
  CHECK(judge_addresses({none}, {}, kOwn).refusal.empty());
  CHECK(judge_addresses({none}, {}, kOwn).warnings.empty());
}

TEST_CASE("an address of a family that nobody serves is named, and refused when there is no other way") {
  const auto both = judge_addresses({leads_to({"192.0.2.1", "2001:db8::1"})}, kIpv4Only, kOwn);
  CHECK(both.refusal.empty());
  REQUIRE(both.warnings.size() == 1);
  CHECK(both.warnings.front().contains("2001:db8::1"));
  CHECK(judge_addresses({leads_to({"2001:db8::1"})}, kIpv4Only, kOwn).refusal.contains("IPv6"));
  // In front of another host there may be something that translates.
  const auto far = judge_addresses({leads_to({"2001:db8:9::1"})}, kIpv4Only, kOwn);
  CHECK(far.refusal.empty());
  CHECK(far.warnings.size() == 1);
  CHECK(judge_addresses({leads_to({"192.0.2.1"})}, kIpv4Only, kOwn).warnings.empty());
}

TEST_CASE("what answers on the port is compared with what the CA should be shown") {
  const std::string head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
  const auto look = [](const std::string& answer) {
    const FakeServer server(answer);
    return look_by_http({server.port, false, false}, "token", "token.thumb");
  };
  const auto right = look(head + "token.thumb");
  REQUIRE(right);
  CHECK(right->served.ipv4);
  CHECK_FALSE(right->served.ipv6);
  CHECK(right->requests == 1);
  CHECK(look(head + "token.thump").error().kind == Error::Kind::conflict);
  CHECK(look("HTTP/1.1 404 Not Found\r\n\r\ntoken.thumb").error().kind == Error::Kind::conflict);
  CHECK(look("").error().kind == Error::Kind::conflict);
  CHECK(look(std::string(1 << 20, 'x')).error().kind == Error::Kind::conflict);
}

TEST_CASE("a port that nobody can be found at says nothing") {
  enter_own_network();
  const auto nobody = look_by_http({9, false, false}, "token", "token.thumb");
  REQUIRE(nobody);
  CHECK(nobody->served.ipv4);
  CHECK(nobody->served.ipv6);
  CHECK(nobody->requests == 0);
  CHECK_FALSE(look_by_http({9, true, false}, "token", "token.thumb")->served.ipv6);
}
