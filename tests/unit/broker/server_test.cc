// SPDX-License-Identifier: MIT
// The loop: who is let in, what ends a connection, and what happens while a request is carried out.
#include "broker/server.h"

#include <csignal>

#include "tests/unit/broker/broker_host.h"

namespace certlatch {
namespace {

using namespace test;

void send_bytes(const Channel& worker, std::string_view bytes) {
  REQUIRE(::send(worker.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
}

constexpr std::string_view kHello("\x05\0\0\0\x01\x01\0\0\0", 9);

TEST_CASE("only the worker is served, and root is not") {
  BrokerHost host({}, ::getuid() + 1);
  auto stranger = host.connect();
  CHECK(host.server().sessions.size() == 0);
  host.check_ended(stranger, fmt::format("outcome=violation uid={}", ::getuid()));
}

TEST_CASE("the seventeenth connection is turned away, and there is room again when one ends") {
  BrokerHost host;
  std::vector<Channel> workers;
  for (int i = 0; i < 16; ++i) workers.push_back(host.greet());
  auto one_too_many = host.connect();
  host.check_ended(one_too_many, "16 connections are open already");
  workers.pop_back();
  host.run();
  host.greet();
}

TEST_CASE("a lease ends with its connection") {
  BrokerHost host;
  {
    auto worker = host.greet();
    host.ask(worker, Open{"http", 30});
    CHECK(host.leases.held.size() == 1);
  }
  host.run();
  CHECK(host.leases.held.empty());
  CHECK(host.server().sessions.size() == 0);
  CHECK(host.log().find("lease 1 was open: shut") != std::string::npos);
}

TEST_CASE("a worker that shuts its sending side has ended the connection") {
  BrokerHost host;
  auto worker = host.greet();
  host.ask(worker, Open{"http", 30});
  ::shutdown(worker.fd(), SHUT_WR);
  host.run();
  CHECK(host.leases.held.empty());
}

TEST_CASE("a lease ends with its connection while another request waits for the runner") {
  BrokerHost host;
  std::optional<Channel> leaver(host.greet());
  auto restarter = host.greet();
  host.ask(*leaver, Open{"http", 30});
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd runner(ends[0]), other_end(ends[1]);
  bool was_shut = false;
  host.services.meanwhile = [&](const Wait& wait) {
    leaver.reset();
    const auto ready = wait(runner.get(), in(100ms));
    REQUIRE(ready);
    CHECK_FALSE(*ready);
    was_shut = host.leases.held.empty();
  };
  CHECK(std::holds_alternative<Restarted>(host.ask(restarter, Restart{"nginx"})));
  CHECK(was_shut);
  CHECK(host.server().sessions.size() == 1);
}

TEST_CASE("a worker that goes while its own request waits loses its lease at once") {
  BrokerHost host;
  std::optional<Channel> worker(host.greet());
  host.ask(*worker, Open{"http", 30});
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd runner(ends[0]), other_end(ends[1]);
  bool was_shut = false;
  host.services.meanwhile = [&](const Wait& wait) {
    worker.reset();
    (void)wait(runner.get(), in(100ms));
    was_shut = host.leases.held.empty();
  };
  REQUIRE(worker->send(Request(Restart{"nginx"}), in(1s)));
  host.run();
  CHECK(was_shut);
  CHECK(host.server().sessions.size() == 0);
}

TEST_CASE("a wait ends when its descriptor is ready, and other requests stay where they are") {
  BrokerHost host;
  auto restarter = host.greet();
  auto other = host.greet();
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd runner(ends[0]), other_end(ends[1]);
  host.services.meanwhile = [&](const Wait& wait) {
    REQUIRE(other.send(Request(Open{"http", 1}), in(1s)));
    REQUIRE(::write(other_end.get(), "x", 1) == 1);
    const auto ready = wait(runner.get(), in(5s));
    REQUIRE(ready);
    CHECK(*ready);
    CHECK(host.leases.last == 0);
  };
  CHECK(std::holds_alternative<Restarted>(host.ask(restarter, Restart{"nginx"})));
  auto answer = other.receive<Answer>(in(1s));
  REQUIRE(answer);
  CHECK(std::holds_alternative<Opened>(*answer));
}

TEST_CASE("a signal during a wait ends the wait, and then the broker") {
  BrokerHost host;
  auto worker = host.greet();
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd runner(ends[0]), other_end(ends[1]);
  host.services.meanwhile = [&](const Wait& wait) {
    host.send_signal(SIGTERM);
    CHECK_FALSE(wait(runner.get(), in(5s)));
  };
  REQUIRE(worker.send(Request(Restart{"nginx"}), in(1s)));
  const auto leave = host.server().run();
  CHECK_FALSE(leave.is_failure);
  CHECK(leave.reason == "signal 15");
}

TEST_CASE("SIGTERM shuts everything") {
  BrokerHost host;
  auto worker = host.greet();
  host.ask(worker, Open{"http", 30});
  host.send_signal(SIGTERM);
  CHECK_FALSE(host.server().run().is_failure);
  CHECK(host.leases.held.empty());
}

TEST_CASE("the end of a helper is the broker's end, as a failure") {
  BrokerHost host;
  SUBCASE("noticed by its exit") { host.send_signal(SIGCHLD); }
  SUBCASE("noticed by a request") {
    auto worker = host.greet();
    host.helpers_alive = false;
    REQUIRE(worker.send(Request(Restart{"nginx"}), in(1s)));
    CHECK(host.server().run().is_failure);
    CHECK(worker.receive<Answer>(in(1s)));  // the request that noticed is still answered
    return;
  }
  CHECK(host.server().run().is_failure);
}

TEST_CASE("a frame that dribbles in past its deadline ends the connection") {
  Limits limits;
  limits.frame = 60ms;
  BrokerHost host(limits);
  auto worker = host.connect();
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < 8 && std::chrono::steady_clock::now() < began + 50ms; ++i) {
    send_bytes(worker, kHello.substr(i, 1));
    host.run();
    std::this_thread::sleep_for(10ms);
  }
  std::this_thread::sleep_until(began + 70ms);
  host.check_ended(worker, "a frame did not arrive whole in time");
}

TEST_CASE("a frame that dribbles in within its deadline is answered") {
  BrokerHost host;
  auto worker = host.connect();
  for (const char byte : kHello) {
    send_bytes(worker, {&byte, 1});
    host.run();
  }
  CHECK(worker.receive<Answer>(in(1s)));
}

TEST_CASE("requests sent in one go are answered in turn") {
  BrokerHost host;
  auto worker = host.connect();
  send_bytes(worker, std::string(kHello) + std::string("\x01\0\0\0\x06\x01\0\0\0\x06", 10));
  host.run();
  CHECK(std::holds_alternative<HelloAnswer>(worker.receive<Answer>(in(1s)).value()));
  CHECK(std::holds_alternative<StatusAnswer>(worker.receive<Answer>(in(1s)).value()));
  CHECK(std::holds_alternative<StatusAnswer>(worker.receive<Answer>(in(1s)).value()));
}

TEST_CASE("malformed bytes end the connection, and its lease") {
  using namespace std::string_literals;
  const std::pair<std::string, std::string> cases[] = {
      {"\0\0\0\0"s, "a frame of 0 bytes"},
      {"\x01\0\x01\0"s, "a frame of 65537 bytes"},
      {"\xff\xff\xff\xff"s, "a frame of 4294967295 bytes"},
      {"\x01\0\0\0\x63"s, "a request of an unknown kind"},
      {"\x01\0\0\0\xff"s, "a request of an unknown kind"},
      {"\x02\0\0\0\x06\x06"s, "a request longer than its kind may be"},
      {"\x0a\0\0\0\x03\x01\0\0\0\0\0\0\0\0"s, "a request longer than its kind may be"},
      {"\x0e\x01\0\0\x02"s + std::string(269, 'x'), "a request longer than its kind may be"},
      {"\x05\0\0\0\x02\xff\xff\xff\xff"s, "a size exceeds what is left"},
      {"\x0a\0\0\0\x05\x04\0\0\0nginx"s, "message has bytes after its end"},
  };
  for (const auto& [bytes, why] : cases) {
    CAPTURE(why);
    BrokerHost host;
    auto worker = host.greet();
    host.ask(worker, Open{"http", 30});
    send_bytes(worker, bytes);
    host.check_ended(worker, why);
    CHECK(host.leases.held.empty());
    CHECK(host.log().find("outcome=violation") != std::string::npos);
  }
}

TEST_CASE("a frame cut short by the end of the connection is a violation") {
  BrokerHost host;
  {
    auto worker = host.greet();
    send_bytes(worker, std::string_view("\x09\0\0\0\x05", 5));
  }
  host.run();
  CHECK(host.log().find("ended in the middle of a frame") != std::string::npos);
}

TEST_CASE("a file descriptor in a frame ends the connection") {
  BrokerHost host;
  auto worker = host.connect();
  iovec part{const_cast<char*>(kHello.data()), kHello.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* message = CMSG_FIRSTHDR(&header);
  message->cmsg_level = SOL_SOCKET;
  message->cmsg_type = SCM_RIGHTS;
  message->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = STDERR_FILENO;
  std::memcpy(CMSG_DATA(message), &fd, sizeof fd);
  REQUIRE(::sendmsg(worker.fd(), &header, MSG_NOSIGNAL) > 0);
  host.check_ended(worker, "a file descriptor came with the message");
}

TEST_CASE("an answer that is not taken ends the connection") {
  Limits limits;
  limits.answer = 50ms;
  BrokerHost host(limits);
  for (int i = 0; i < 700; ++i)
    host.installer.pairs.push_back({"name-of-an-entry", PairState::whole, 1, {}, 0, {}});
  auto worker = host.greet();
  for (int i = 0; i < 20; ++i) send_bytes(worker, std::string_view("\x01\0\0\0\x06", 5));
  host.run();
  CHECK(host.server().sessions.size() == 0);
  CHECK(host.log().find("does not take the message in time") != std::string::npos);
}

TEST_CASE("a connection that asks nothing is ended, one with a lease is not") {
  Limits limits;
  limits.quiet = 40ms;
  BrokerHost host(limits);
  auto holder = host.greet();
  auto idler = host.greet();
  host.ask(holder, Open{"http", 30});
  std::this_thread::sleep_for(60ms);
  host.check_ended(idler, "nothing was asked for too long");
  CHECK(host.server().sessions.size() == 1);
  host.leases.held.clear();  // its time was up
  host.run();
  CHECK(host.server().sessions.size() == 1);  // its quiet time begins now
  std::this_thread::sleep_for(60ms);
  host.check_ended(holder, "nothing was asked for too long");
}

TEST_CASE("the broker leaves when idle: no connection and no lease") {
  Limits limits;
  limits.idle = 50ms;
  BrokerHost host(limits);
  {
    auto worker = host.greet();
    const auto began = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < began + 100ms) host.server().turn(10ms);
    CHECK(std::holds_alternative<StatusAnswer>(host.ask(worker, Status{})));  // it is still there
  }
  const auto leave = host.server().run();
  CHECK(leave.reason == "idle");
  CHECK_FALSE(leave.is_failure);
}

TEST_CASE(
    "leases are tidied up when their time has come or their descriptor is readable, and that is logged") {
  BrokerHost host;
  host.leases.happened = {"the time of opening `http` was up"};
  SUBCASE("time") {
    host.leases.tidy_up_at = in(20ms);
    host.server().turn(1s);
  }
  SUBCASE("descriptor") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd reader(ends[0]), writer(ends[1]);
    REQUIRE(::write(writer.get(), "x", 1) == 1);
    host.leases.readable = {reader.get()};
    host.server().turn(1s);
    host.leases.readable.clear();
  }
  SUBCASE("while a request waits") {
    auto worker = host.greet();
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd runner(ends[0]), other_end(ends[1]);
    host.services.meanwhile = [&](const Wait& wait) {
      host.leases.tidy_up_at = in(20ms);
      CHECK_FALSE(wait(runner.get(), in(100ms)).value());
      CHECK(host.leases.happened.empty());
    };
    host.ask(worker, Restart{"nginx"});
  }
  CHECK(host.log().find("what=\"lease\" outcome=note detail=\"the time of opening `http` was up\"") !=
        std::string::npos);
}

}  // namespace
}  // namespace certlatch
