// SPDX-License-Identifier: MIT
// delayed-wire ONE OTHER MICROSECONDS: relays what arrives at one of two network interfaces out of the other,
// each frame so much later, in both directions; prints "ready" and goes on until it is killed. With the
// interfaces at the inner ends of two veth pairs, host and CA are that far apart: for handshakes, requests,
// acknowledgements and the CA's own look alike, whatever the client does. The kernel's own way to do this
// (netem) is a module that few build.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Frame {
  Clock::time_point due;
  std::vector<char> bytes;
};

[[noreturn]] void give_up(std::string_view what) {
  fmt::print(stderr, "delayed-wire: {}: {}\n", what, std::strerror(errno));
  std::exit(1);
}

int open_interface(const char* name) {
  const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) give_up("socket");
  const int yes = 1, room = 16 << 20;
  // With each frame goes what the sender has left to the card: a checksum to be filled in, segments to be
  // cut. The other side's kernel takes it as it is, so that frames longer than the wire's pass too.
  if (::setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof yes) != 0) give_up("PACKET_VNET_HDR");
  if (::setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0)
    give_up("PACKET_IGNORE_OUTGOING");
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  sockaddr_ll place{};
  place.sll_family = AF_PACKET;
  place.sll_protocol = htons(ETH_P_ALL);
  place.sll_ifindex = static_cast<int>(::if_nametoindex(name));
  if (place.sll_ifindex == 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0)
    give_up(name);
  return fd;
}

void take_all(int from, std::deque<Frame>& frames, std::chrono::microseconds delay) {
  std::array<char, (1 << 16) + 64> room;
  for (;;) {
    const ssize_t size = ::recv(from, room.data(), room.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    frames.push_back({Clock::now() + delay, {room.data(), room.data() + size}});
  }
}

void send_due(int to, std::deque<Frame>& frames) {
  while (!frames.empty() && frames.front().due <= Clock::now()) {
    // What does not fit is lost, as on any wire.
    (void)::send(to, frames.front().bytes.data(), frames.front().bytes.size(), 0);
    frames.pop_front();
  }
}

/// Until the first frame is due; forever without one.
timespec* time_left(const std::array<std::deque<Frame>, 2>& under_way, timespec& room) {
  auto first = Clock::time_point::max();
  for (const auto& frames : under_way)
    if (!frames.empty()) first = std::min(first, frames.front().due);
  if (first == Clock::time_point::max()) return nullptr;
  const auto left = std::max<std::chrono::nanoseconds>(first - Clock::now(), std::chrono::nanoseconds(0));
  room = {static_cast<time_t>(left.count() / 1'000'000'000), static_cast<long>(left.count() % 1'000'000'000)};
  return &room;
}

}  // namespace

int main(int argc, char** argv) {
  long microseconds = -1;
  if (argc == 4) std::from_chars(argv[3], argv[3] + std::strlen(argv[3]), microseconds);
  if (microseconds < 0) {
    fmt::print(stderr, "usage: delayed-wire ONE OTHER MICROSECONDS\n");
    return 2;
  }
  const std::array<int, 2> ends{open_interface(argv[1]), open_interface(argv[2])};
  std::array<std::deque<Frame>, 2> under_way;  // by where they came from
  fmt::print("ready\n");
  std::fflush(stdout);
  for (;;) {
    std::array<pollfd, 2> ready{pollfd{ends[0], POLLIN, 0}, pollfd{ends[1], POLLIN, 0}};
    timespec left{};
    if (::ppoll(ready.data(), ready.size(), time_left(under_way, left), nullptr) < 0 && errno != EINTR)
      give_up("poll");
    for (std::size_t i = 0; i < ends.size(); ++i) {
      take_all(ends[i], under_way[i], std::chrono::microseconds(microseconds));
      send_due(ends[1 - i], under_way[i]);
    }
  }
}
