// SPDX-License-Identifier: MIT
// Bytes, as they are, to a broker's socket: what a worker that has been taken over could send.
//
//   lab-frame SOCKET HEX [ANSWERS [SECONDS]]
//
// sends the bytes, then prints a line for each answer: its tag in hexadecimal, and the rest with a dot in
// place of every byte that cannot be printed. After so many ANSWERS it stays connected for SECONDS more
// (default 0); without a number it waits for the broker to end the connection. The last line is `ended` when
// the broker did that, `left` when this program left first, or `silence` after ten seconds without an answer.
// Exit status 0 but for `silence`.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::optional<std::vector<unsigned char>> bytes(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::vector<unsigned char> out;
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    unsigned char byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + at, hex.data() + at + 2, byte, 16);
    if (error != std::errc{} || end != hex.data() + at + 2) return std::nullopt;
    out.push_back(byte);
  }
  return out;
}

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -1;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/// Reads exactly so many bytes; false when the other side ends the connection or, after `milliseconds`, says
/// nothing.
bool read_exactly(int fd, unsigned char* out, std::size_t count, int milliseconds, bool& ended) {
  while (count > 0) {
    pollfd waiting{fd, POLLIN, 0};
    if (poll(&waiting, 1, milliseconds) != 1) return false;
    const ssize_t got = recv(fd, out, count, 0);
    if (got <= 0) {
      ended = true;
      return false;
    }
    out += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

int finish(const char* how, int status) {
  std::puts(how);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const auto message = argc >= 3 && argc <= 5 ? bytes(argv[2]) : std::nullopt;
  if (!message) {
    std::fputs("usage: lab-frame SOCKET HEX [ANSWERS [SECONDS]]\n", stderr);
    return 2;
  }
  const int answers = argc > 3 ? std::atoi(argv[3]) : -1;
  const int seconds = argc > 4 ? std::atoi(argv[4]) : 0;
  const int fd = connect_to(argv[1]);
  if (fd < 0) {
    std::perror(argv[1]);
    return 2;
  }
  // A broker may end the connection before it has read everything.
  if (send(fd, message->data(), message->size(), MSG_NOSIGNAL) < 0) std::perror("send");
  bool ended = false;
  for (int seen = 0; seen != answers; ++seen) {
    std::array<unsigned char, 4> header{};
    if (!read_exactly(fd, header.data(), header.size(), 10'000, ended)) break;
    const std::size_t size = header[0] | header[1] << 8U | header[2] << 16U;
    std::vector<unsigned char> answer(size);
    if (size == 0 || !read_exactly(fd, answer.data(), size, 10'000, ended)) break;
    std::printf("%02x ", answer[0]);
    for (std::size_t at = 1; at < size; ++at)
      std::putchar(answer[at] >= ' ' && answer[at] < 127 ? answer[at] : '.');
    std::putchar('\n');
    std::fflush(stdout);
    if (seen + 1 == answers) {
      pollfd waiting{fd, POLLIN, 0};
      if (seconds > 0) ended = poll(&waiting, 1, seconds * 1000) == 1;
      return finish(ended ? "ended" : "left", 0);
    }
  }
  return ended ? finish("ended", 0) : finish("silence", 1);
}
