// SPDX-License-Identifier: MIT
// A port as the outside sees it.
//
//   lab-door probe ADDRESS PORT [MILLISECONDS]
//       prints open, refused or dropped; exit status 0 only when open
//   lab-door watch ADDRESS PORT
//       prints a line for every change, "<milliseconds> open|shut", until it is ended; the first line says
//       how it began. The time of `shut` is that at which the first connection was tried that failed.
//   lab-door take ADDRESS PORT
//       connects, and prints "<milliseconds> connected", then "<milliseconds> <bytes>" for whatever comes,
//       and
//       "<milliseconds> ended" or "... reset" when it does
//   lab-door drip PORT
//       the server for that: every connection gets a byte every five milliseconds
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace {

long long now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

enum class Seen : std::uint8_t { open, refused, dropped };

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Address> parse(const char* host, std::string_view port_text) {
  const auto port = number(port_text);
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  const auto network_port = htons(static_cast<std::uint16_t>(*port));
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  Address address;
  if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = network_port;
    address.length = sizeof v4;
    std::memcpy(&address.storage, &v4, sizeof v4);
  } else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = network_port;
    address.length = sizeof v6;
    std::memcpy(&address.storage, &v6, sizeof v6);
  } else {
    return std::nullopt;
  }
  return address;
}

Seen look(const Address& address, int milliseconds) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Seen::dropped;
  int error = 0;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0) {
    error = errno;
    if (error == EINPROGRESS) {
      pollfd waiting{fd, POLLOUT, 0};
      socklen_t size = sizeof error;
      if (poll(&waiting, 1, milliseconds) != 1) {
        error = ETIMEDOUT;
      } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
      }
    }
  }
  close(fd);
  if (error == 0) return Seen::open;
  return error == ECONNREFUSED ? Seen::refused : Seen::dropped;
}

int probe(const Address& address, int milliseconds) {
  const Seen seen = look(address, milliseconds);
  std::puts(seen == Seen::open ? "open" : seen == Seen::refused ? "refused" : "dropped");
  return seen == Seen::open ? 0 : 1;
}

int watch(const Address& address) {
  std::optional<bool> was_open;
  for (;;) {
    const auto began = now();
    // On a wire of one hop an answer takes well under a millisecond; 40 leave room for a busy machine.
    const bool is_open = look(address, 40) == Seen::open;
    if (was_open != is_open) {
      was_open = is_open;
      std::printf("%lld %s\n", is_open ? now() : began, is_open ? "open" : "shut");
      std::fflush(stdout);
    }
    usleep(2000);
  }
}

int take(const Address& address) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0) {
    std::perror("connect");
    return 1;
  }
  std::printf("%lld connected\n", now());
  for (;;) {
    std::fflush(stdout);
    char bytes[64 * 1024];
    const ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) {
      std::printf("%lld %s\n", now(), got == 0 ? "ended" : "reset");
      return 0;
    }
    std::printf("%lld %zd\n", now(), got);
  }
}

int drip(std::uint16_t port) {
  const int listening = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  if (bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listening, 64) != 0) {
    std::perror("listen");
    return 1;
  }
  for (std::vector<int> connections;; usleep(5000)) {
    for (int fd; (fd = accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      connections.push_back(fd);
    }
    std::erase_if(connections, [](int fd) {
      const bool is_gone = send(fd, ".", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN;
      if (is_gone) close(fd);
      return is_gone;
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  const auto address = argc > 3 ? parse(argv[2], argv[3]) : std::nullopt;
  if (address && verb == "watch") return watch(*address);
  if (address && verb == "take") return take(*address);
  if (const auto port = number(argc > 2 ? argv[2] : ""); verb == "drip" && port && *port <= 65535)
    return drip(static_cast<std::uint16_t>(*port));
  const auto milliseconds = number(argc > 4 ? argv[4] : "1000");
  if (address && milliseconds && *milliseconds <= 60'000 && verb == "probe") {
    return probe(*address, static_cast<int>(*milliseconds));
  }
  std::fputs("usage: lab-door probe ADDRESS PORT [MILLISECONDS] | watch|take ADDRESS PORT | drip PORT\n",
             stderr);
  return 2;
}
