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
#include <deque>
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

// One attempt to connect; it is given up when this goes.
class Look {
 public:
  explicit Look(const Address& address)
      : fd_(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) {
      seen_ = Seen::dropped;
    } else if (connect(fd_, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0) {
      seen_ = Seen::open;
    } else if (errno != EINPROGRESS) {
      seen_ = errno == ECONNREFUSED ? Seen::refused : Seen::dropped;
    }
  }
  Look(const Look&) = delete;
  Look& operator=(const Look&) = delete;
  ~Look() {
    if (fd_ >= 0) close(fd_);
  }

  [[nodiscard]] long long began() const { return began_; }
  // Waits so long for an answer; nothing when none has come.
  std::optional<Seen> seen(int milliseconds) {
    pollfd waiting{fd_, POLLOUT, 0};
    if (seen_ || poll(&waiting, 1, milliseconds) != 1) return seen_;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    seen_ = error == 0 ? Seen::open : error == ECONNREFUSED ? Seen::refused : Seen::dropped;
    return seen_;
  }

 private:
  long long began_ = now();
  int fd_;
  std::optional<Seen> seen_;
};

int probe(const Address& address, int milliseconds) {
  const Seen seen = Look(address).seen(milliseconds).value_or(Seen::dropped);
  std::puts(seen == Seen::open ? "open" : seen == Seen::refused ? "refused" : "dropped");
  return seen == Seen::open ? 0 : 1;
}

// Many looks are under way at once: a door that is open for some milliseconds only is seen all the same.
int watch(const Address& address) {
  // On a wire of one hop an answer takes well under a millisecond; 40 leave room for a busy machine.
  constexpr long long kPatience = 40;
  std::deque<Look> looks;  // in the order in which they began
  std::optional<bool> was_open;
  for (;;) {
    looks.emplace_back(address);
    usleep(2000);
    std::size_t decided = looks.size();
    while (decided > 0 && !looks[decided - 1].seen(0) && now() - looks[decided - 1].began() < kPatience)
      --decided;
    if (decided == 0) continue;
    // The latest that is decided tells how the door is; it has been shut since the first of those that failed
    // with it.
    const bool is_open = looks[decided - 1].seen(0) == Seen::open;
    std::size_t first = decided - 1;
    while (first > 0 && looks[first - 1].seen(0) != Seen::open) --first;
    if (was_open != is_open) {
      was_open = is_open;
      std::printf("%lld %s\n", is_open ? now() : looks[first].began(), is_open ? "open" : "shut");
      std::fflush(stdout);
    }
    for (std::size_t i = 0; i < decided; ++i) looks.pop_front();
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
