// SPDX-License-Identifier: MIT
#include "worker/run/broker_client.h"

#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <functional>
#include <thread>

#include "tests/unit/worker/own_directory.h"
#include "tests/unit/worker/recorded_report.h"
#include "worker/role/peers.h"

using namespace certlatch;
using namespace std::chrono_literals;

namespace {

/// A broker that greets, and then does what the test says with each request.
struct Fixture {
  RecordedReport report;
  UniqueFd stop_fd = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  StopSignal stop{UniqueFd(::dup(stop_fd.get()))};
  SocketPair pair = joined_sockets().value();
  std::thread broker;

  explicit Fixture(std::function<void(Channel&)> serve) {
    broker = std::thread([fd = pair.other.release(), serve = std::move(serve)] {
      Channel channel((UniqueFd(fd)));
      if (!channel.receive<Request>(in(5s)) || !channel.send(Answer(HelloAnswer{}), in(5s))) return;
      serve(channel);
    });
  }
  ~Fixture() { broker.join(); }
  BrokerClient client() { return BrokerClient::greet(Channel(std::move(pair.one)), stop, report).value(); }
};

std::function<void(Channel&)> answering(Answer answer) {
  auto shared = std::make_shared<Answer>(std::move(answer));
  return [shared](Channel& channel) {
    if (channel.receive<Request>(in(5s))) (void)channel.send(*shared, in(5s));
  };
}

}  // namespace

TEST_CASE("a refusal holds the broker's sentence, the policy's line and the output") {
  Fixture fixture(
      answering(Refused{RefusalReason::check, 12, "install a: undone", "nginx: [emerg]\nfailed\n"}));
  auto client = fixture.client();
  const auto installed = client.install("a", "chain", Secret::copy_of("key"));
  REQUIRE_FALSE(installed);
  CHECK(installed.error().kind == Error::Kind::refused);
  CHECK(installed.error().message == "install a: undone (policy line 12)\n  nginx: [emerg]\n  failed");
  CHECK(client.is_usable());
}

TEST_CASE("a broker that ends the connection is of no more use, and that is said") {
  Fixture fixture([](Channel& channel) { (void)channel.receive<Request>(in(5s)); });
  auto client = fixture.client();
  const auto opened = client.open("http");
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message == "open http: the broker has ended the connection; its log says why");
  CHECK_FALSE(client.is_usable());
  CHECK(client.status({"a"}).error().message == "the connection to the broker is lost");
}

TEST_CASE("an answer to another request, or one that makes no sense, ends the connection") {
  {
    Fixture fixture(answering(Closed{}));
    auto client = fixture.client();
    CHECK(client.open("http").error().message == "the broker, open http: an answer to another request");
    CHECK_FALSE(client.is_usable());
  }
  Fixture fixture([](Channel& channel) {
    if (channel.receive<Request>(in(5s))) (void)::send(channel.fd(), "\1\0\0\0\x70", 5, MSG_NOSIGNAL);
  });
  auto client = fixture.client();
  CHECK(client.open("http").error().message == "the broker, open http: message of an unknown kind");
}

TEST_CASE("another version of the protocol is refused") {
  auto pair = joined_sockets().value();
  std::thread broker([&] {
    Channel channel(std::move(pair.other));
    if (channel.receive<Request>(in(5s))) (void)channel.send(Answer(HelloAnswer{.version = 7}), in(5s));
  });
  RecordedReport report;
  const StopSignal stop;
  const auto client = BrokerClient::greet(Channel(std::move(pair.one)), stop, report);
  broker.join();
  REQUIRE_FALSE(client);
  CHECK(client.error().message == "the broker speaks version 7 of the protocol, this worker version 1");
}

TEST_CASE("a chain that fits no frame is refused here, and the connection goes on") {
  Fixture fixture(answering(Closed{}));
  auto client = fixture.client();
  const auto installed = client.install("a", std::string(kMaxFrameBytes, 'x'), Secret::copy_of("key"));
  REQUIRE_FALSE(installed);
  CHECK(installed.error().kind == Error::Kind::refused);
  CHECK(client.is_usable());
  CHECK(client.close(1));
}

TEST_CASE("a long request is left when the run is to stop, a close is not") {
  Fixture fixture([](Channel& channel) {
    if (!channel.receive<Request>(in(5s))) return;
    std::this_thread::sleep_for(100ms);
    (void)channel.send(Answer(Closed{}), in(5s));
    (void)channel.receive<Request>(in(5s));
    (void)channel.receive<Request>(in(5s));
  });
  const std::uint64_t one = 1;
  REQUIRE(::write(fixture.stop_fd.get(), &one, sizeof one) == sizeof one);
  {
    auto client = fixture.client();
    CHECK(client.close(1));
    CHECK(client.restart("nginx").error().message ==
          "the broker, restart nginx: stopped by a signal before the answer came");
  }
}

TEST_CASE("a broker that cannot be reached is said with what to do") {
  const OwnDirectory directory;
  const std::string path = directory.path + "/broker.sock";
  ProcessPeers peers("/proc/self/exe", path);
  const auto sentence = "there is no broker at " + path + ": is certlatchd.socket started?";
  CHECK(peers.connect_broker().error().message == sentence);

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  {
    const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    CHECK(peers.connect_broker());
    REQUIRE(::chmod(directory.path.c_str(), 0755) == 0);
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const bool is_other = ::setgid(65534) == 0 && ::setuid(65534) == 0;
      const auto refused = peers.connect_broker();
      ::_exit(is_other && !refused && refused.error().message.contains("your user may not talk to the broker")
                  ? 0
                  : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  // The socket of a broker that was killed.
  CHECK(peers.connect_broker().error().message == sentence);
  CHECK(ProcessPeers("x", std::string(200, 'x')).connect_broker().error().message.contains("too long"));
}
