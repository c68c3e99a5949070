// SPDX-License-Identifier: MIT
#include "protocol/channel.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "protocol/messages.h"

using namespace certlatch;
using namespace std::chrono_literals;

namespace {

std::pair<UniqueFd, UniqueFd> socket_pair() {
  int ends[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// A broker's channel, and the bare descriptor of a peer that may send anything.
std::pair<UniqueFd, Channel> raw_peer() {
  auto [raw, socket] = socket_pair();
  return {std::move(raw), Channel(std::move(socket))};
}

void send_raw(const UniqueFd& fd, std::string_view bytes) {
  REQUIRE(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

constexpr std::string_view kHelloFrame{"\x05\0\0\0\x01\x01\0\0\0", 9};

}  // namespace

TEST_CASE("a message arrives as it was sent") {
  auto [left, right] = socket_pair();
  Channel worker(std::move(left)), broker(std::move(right));
  REQUIRE(worker.send(Request(Install{"example.org", "chain", Secret::copy_of("key")}), in(1s)));
  REQUIRE(worker.send(Request(Restart{"nginx"}), in(1s)));
  auto install = broker.receive<Request>(in(1s));
  REQUIRE(install);
  CHECK(std::get<Install>(*install).entry == "example.org");
  CHECK(std::get<Install>(*install).key.text() == "key");
  auto restart = broker.receive<Request>(in(1s));
  REQUIRE(restart);
  CHECK(std::get<Restart>(*restart).entry == "nginx");
}

TEST_CASE("a frame that arrives byte by byte is one message") {
  auto [raw, broker] = raw_peer();
  for (const char byte : kHelloFrame) {
    CHECK_FALSE(broker.fill().value());
    send_raw(raw, std::string_view(&byte, 1));
  }
  CHECK(broker.fill().value());
  auto request = broker.take<Request>();
  REQUIRE(request);
  CHECK(std::get<Hello>(*request).version == 1);
}

TEST_CASE("the time of a frame's first byte is known until the frame is whole") {
  auto [raw, broker] = raw_peer();
  CHECK_FALSE(broker.frame_began());
  send_raw(raw, kHelloFrame.substr(0, 1));
  CHECK_FALSE(broker.fill().value());
  CHECK(broker.frame_began());
  send_raw(raw, kHelloFrame.substr(1));
  CHECK(broker.fill().value());
  CHECK_FALSE(broker.frame_began());
}

TEST_CASE("two frames in one packet are two messages") {
  auto [raw, broker] = raw_peer();
  send_raw(raw, std::string(kHelloFrame) + std::string(kHelloFrame));
  CHECK(broker.receive<Request>(in(1s)));
  CHECK(broker.receive<Request>(in(1s)));
  CHECK_FALSE(broker.fill().value());
}

TEST_CASE("the greatest frame passes and one byte more is refused") {
  auto [raw, broker] = raw_peer();
  SUBCASE("greatest") {
    std::thread sender([&raw] {
      const std::string frame = std::string("\0\0\1\0", 4) + std::string(kMaxFrameBytes, 'x');
      for (std::size_t sent = 0; sent < frame.size();)
        sent += static_cast<std::size_t>(::send(raw.get(), frame.data() + sent, frame.size() - sent, 0));
    });
    const auto request = broker.receive<Request>(in(5s));
    sender.join();
    REQUIRE_FALSE(request);
    CHECK(request.error().message == "message of an unknown kind");
  }
  SUBCASE("one more") {
    send_raw(raw, std::string_view("\1\0\1\0", 4));
    const auto request = broker.receive<Request>(in(1s));
    REQUIRE_FALSE(request);
    CHECK(request.error().message == "a frame of 65537 bytes; 1 to 65536 are allowed");
  }
  SUBCASE("empty") {
    send_raw(raw, std::string_view("\0\0\0\0", 4));
    CHECK(broker.receive<Request>(in(1s)).error().kind == Error::Kind::invalid);
  }
}

TEST_CASE("an end between frames is a close, an end within one is malformed") {
  auto [raw, broker] = raw_peer();
  SUBCASE("between") {
    raw.reset();
    CHECK(broker.receive<Request>(in(1s)).error().kind == Error::Kind::closed);
  }
  for (std::size_t cut = 1; cut < kHelloFrame.size(); ++cut) {
    CAPTURE(cut);
    auto [peer, channel] = raw_peer();
    send_raw(peer, kHelloFrame.substr(0, cut));
    peer.reset();
    CHECK(channel.receive<Request>(in(1s)).error().kind == Error::Kind::invalid);
  }
}

TEST_CASE("a file descriptor that comes along ends the conversation and is not kept") {
  auto [raw, broker] = raw_peer();
  const UniqueFd passed(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::string bytes(kHelloFrame);
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* message = CMSG_FIRSTHDR(&header);
  message->cmsg_level = SOL_SOCKET;
  message->cmsg_type = SCM_RIGHTS;
  message->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = passed.get();
  std::memcpy(CMSG_DATA(message), &fd, sizeof fd);
  REQUIRE(::sendmsg(raw.get(), &header, 0) == static_cast<ssize_t>(bytes.size()));

  const int lowest_free = ::dup(0);
  ::close(lowest_free);
  const auto request = broker.receive<Request>(in(1s));
  REQUIRE_FALSE(request);
  CHECK(request.error().message == "a file descriptor came with the message");
  const int still_lowest = ::dup(0);
  ::close(still_lowest);
  CHECK(still_lowest == lowest_free);
}

TEST_CASE("waiting ends at the deadline") {
  auto [raw, broker] = raw_peer();
  CHECK(broker.receive<Request>(in(10ms)).error().kind == Error::Kind::timed_out);
  // A peer that never reads: the socket's buffers fill, then the sender gives up.
  Result<void> sent;
  for (int i = 0; i < 64 && sent; ++i)
    sent = broker.send(Answer(Restarted{std::string(60'000, 'x')}), in(10ms));
  REQUIRE_FALSE(sent);
  CHECK(sent.error().kind == Error::Kind::timed_out);
}

TEST_CASE("sending to a peer that is gone is an error, not a signal") {
  auto [raw, broker] = raw_peer();
  raw.reset();
  CHECK(broker.send(Answer(Closed{}), in(1s)).error().kind == Error::Kind::closed);
}

TEST_CASE("a message that does not fit into a frame is not sent at all") {
  auto [raw, broker] = raw_peer();
  CHECK(broker.send(Answer(Restarted{std::string(kMaxFrameBytes, 'x')}), in(1s)).error().kind ==
        Error::Kind::invalid);
  std::array<char, 1> byte{};
  CHECK(::recv(raw.get(), byte.data(), byte.size(), MSG_DONTWAIT) == -1);
}
