// SPDX-License-Identifier: MIT
// The look-ups of the dns process against a resolver of the test's own.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>

#include <atomic>
#include <thread>

#include "tests/unit/worker/own_directory.h"
#include "tests/unit/worker/own_network.h"
#include "worker/dns/look_up.h"
#include "worker/role/helper_process.h"

using namespace certlatch;
using namespace std::chrono_literals;

namespace {

/// Answers every question on 127.0.0.1:53 with an address of its type, NXDOMAIN for names that begin with
/// `no` (with the zone's SOA for `none`), and nothing at all for names that begin with `mute`.
class FakeResolver {
 public:
  FakeResolver() {
    enter_own_network();
    socket_ = UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeResolver() {
    ends_ = true;
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  void serve() const {
    const timeval soon{0, 50'000};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    while (!ends_) {
      char buffer[512];
      sockaddr_in from{};
      socklen_t length = sizeof from;
      const ssize_t n =
          ::recvfrom(socket_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (n < 17) continue;
      std::string answer(buffer, static_cast<std::size_t>(n));
      const auto name = answer.substr(13);
      if (name.starts_with("mute")) continue;
      // Truncated: to be asked again over TCP, where nobody listens.
      answer[2] = static_cast<char>(name.starts_with("big") ? 0x83 : 0x81);
      answer[3] = static_cast<char>(name.starts_with("no") ? 0x83 : 0x80);
      if (!name.starts_with("no")) {
        const bool is_ipv4 = answer[answer.size() - 3] == 1;
        answer[7] = 1;
        answer += std::string("\xc0\x0c\x00", 3) + (is_ipv4 ? "\x01" : "\x1c") +
                  std::string("\x00\x01\x00\x00\x00\x3c\x00", 7);
        answer += is_ipv4 ? std::string("\x04\xc0\x00\x02\x07", 5)
                          : std::string("\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7", 17);
      }
      if (name.starts_with("none")) {
        answer[9] = 1;  // authority: SOA, its names being the question's and its numbers 0
        answer += std::string("\xc0\x0c\0\6\0\1\0\0\0\x3c\0\x18\xc0\x0c\xc0\x0c", 16) + std::string(20, '\0');
      }
      ::sendto(socket_.get(), answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from),
               length);
    }
  }
  UniqueFd socket_;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

Resolver resolver() {
  const OwnDirectory directory;
  directory.write("resolv.conf", "nameserver 127.0.0.1\nsearch wrong.example\n");
  return Resolver::from((directory.path + "/resolv.conf").c_str()).value();
}

NameAddresses addresses_of(const std::string& name, Deadline deadline) {
  const std::vector<std::string> names{name};
  return resolver().addresses(names, deadline).at(0);
}

}  // namespace

TEST_CASE("a name's addresses are found, IPv4 and IPv6") {
  const FakeResolver fake;
  const auto found = addresses_of("a.example", in(3s));
  CHECK(found.addresses == std::vector<std::string>{"192.0.2.7", "2001:db8::7"});
  CHECK(found.trouble.empty());
}

TEST_CASE("a name that does not exist has no address, and the look-up has worked") {
  const FakeResolver fake;
  const auto found = addresses_of("no.example", in(3s));
  CHECK(found.addresses.empty());
  CHECK(found.trouble.empty());
}

TEST_CASE("only a zone itself denies a name") {
  const FakeResolver fake;
  CHECK(addresses_of("none.example", in(3s)).is_denied);
  CHECK_FALSE(addresses_of("no.example", in(3s)).is_denied);
  CHECK_FALSE(addresses_of("a.example", in(3s)).is_denied);
}

TEST_CASE("many names are asked for at once") {
  const FakeResolver fake;
  std::vector<std::string> names;
  for (int i = 0; i < 150; ++i) names.push_back("a" + std::to_string(i) + ".example");
  names[70] = "mute.example";
  const auto began = std::chrono::steady_clock::now();
  const auto found = resolver().addresses(names, in(3s));
  CHECK(std::chrono::steady_clock::now() - began < 2500ms);
  REQUIRE(found.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHECK(found[i].name == names[i]);
    CHECK(found[i].addresses.size() == (i == 70 ? 0 : 2));
  }
}

TEST_CASE("a resolver that is silent costs no more than the time allowed") {
  const FakeResolver fake;
  const auto began = std::chrono::steady_clock::now();
  const auto found = addresses_of("mute.example", in(1500ms));
  CHECK(found.addresses.empty());
  CHECK(found.trouble.starts_with("no resolver answered"));
  CHECK(std::chrono::steady_clock::now() - began < 4s);
}

TEST_CASE("what is no name is not asked for") {
  const FakeResolver fake;
  CHECK(addresses_of(std::string(300, 'a'), in(1s)).trouble == "is no host name");
}

TEST_CASE("the process answers as it is confined") {
  const FakeResolver fake;
  const OwnDirectory directory;
  directory.write("resolv.conf", "nameserver 127.0.0.1\n");
  REQUIRE(::unshare(CLONE_NEWNS) == 0);
  REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  REQUIRE(::mount((directory.path + "/resolv.conf").c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) ==
          0);
  auto dns = HelperProcess::start(CERTLATCH_PROGRAM, "dns").value();
  const auto answer = dns.ask<DnsAnswer>(
      DnsOrder(FindAddresses{{"a.example", "no.example", "big.example", "mute.example"}, 3000}), in(6s));
  ::umount2("/etc/resolv.conf", MNT_DETACH);
  if (!answer) FAIL(answer.error().message);
  const auto& names = std::get<AddressesFound>(*answer).names;
  REQUIRE(names.size() == 4);
  CHECK(names[0].addresses == std::vector<std::string>{"192.0.2.7", "2001:db8::7"});
  CHECK(names[1].trouble.empty());
  CHECK(names[2].addresses.empty());
  CHECK_FALSE(names[3].trouble.empty());
}
