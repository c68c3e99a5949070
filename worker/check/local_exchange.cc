// SPDX-License-Identifier: MIT
#include "worker/check/local_exchange.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

namespace certlatch {
namespace {

constexpr std::size_t kMostBytes = 4096;

bool is_ready(int fd, short events, Deadline deadline) {
  pollfd ready{fd, events, 0};
  return ::poll(&ready, 1, poll_time(deadline)) == 1;
}

UniqueFd connect_to(const sockaddr* to, socklen_t size, Deadline deadline) {
  UniqueFd fd(::socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open() || ::connect(fd.get(), to, size) == 0) return fd;
  if (errno != EINPROGRESS) return {};
  errno = ETIMEDOUT;
  if (!is_ready(fd.get(), POLLOUT, deadline)) return {};
  int error = 0;
  socklen_t room = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &room);
  if (error == 0) return fd;
  fd = {};
  errno = error;
  return {};
}

}  // namespace

UniqueFd connect_to(const std::string& address, std::uint16_t port, Deadline deadline) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &ipv4.sin_addr) == 1)
    return connect_to(reinterpret_cast<const sockaddr*>(&ipv4), sizeof ipv4, deadline);
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_port = htons(port);
  errno = EINVAL;
  if (::inet_pton(AF_INET6, address.c_str(), &ipv6.sin6_addr) != 1) return {};
  return connect_to(reinterpret_cast<const sockaddr*>(&ipv6), sizeof ipv6, deadline);
}

std::optional<std::string> exchange(int fd, const std::string& request, const std::string& wanted,
                                    Deadline deadline) {
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return std::nullopt;
  std::string answer;
  while (is_ready(fd, POLLIN, deadline)) {
    std::array<char, 1024> bytes{};
    const ssize_t n = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) return std::nullopt;
    answer.append(bytes.data(), static_cast<std::size_t>(n));
    if (n == 0 || answer.size() > kMostBytes || answer.ends_with(wanted)) return answer;
  }
  return std::nullopt;
}

std::string challenge_request(const std::string& host, const std::string& token) {
  return fmt::format("GET /.well-known/acme-challenge/{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                     token, host);
}

}  // namespace certlatch
