// SPDX-License-Identifier: MIT
#include "worker/responder/listening_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <string>

namespace certlatch {
namespace {

constexpr int kBacklog = 64;

template <class Address>
Result<UniqueFd> listen_on(const Address& address, std::uint16_t port, std::string_view text) {
  const auto family = reinterpret_cast<const sockaddr*>(&address)->sa_family;
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) return fail(Error::system("socket"));
  const int yes = 1, no = 0;
  // Connections of the last run that linger are no reason to refuse this one. No SO_REUSEPORT: it would let
  // another process of this user take part of the CA's requests.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (family == AF_INET6 && ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) != 0)
    return fail(Error::system("setsockopt IPV6_V6ONLY"));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(fd.get(), kBacklog) == 0)
    return fd;
  if (errno == EADDRINUSE) {
    return fail(Error::conflict(fmt::format(
        "port {} is taken by another program: `ss -ltnp sport = :{}` shows which; the responder needs "
        "it for the challenge",
        port, port)));
  }
  return fail(Error::system(fmt::format("the responder cannot listen on {} port {}", text, port)));
}

Result<UniqueFd> listen_on_ipv4(in_addr_t address, std::uint16_t port, std::string_view text) {
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(port);
  place.sin_addr.s_addr = htonl(address);
  return listen_on(place, port, text);
}

}  // namespace

Result<UniqueFd> listening_socket(const ListenAt& place) {
  if (place.loopback_only) return listen_on_ipv4(INADDR_LOOPBACK, place.port, "127.0.0.1");
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(place.port);
  any.sin6_addr = in6addr_any;
  auto both = listen_on(any, place.port, "[::]");
  const bool has_no_ipv6 =
      !both && both.error().kind == Error::Kind::system &&
      (both.error().sys_errno == EAFNOSUPPORT || both.error().sys_errno == EADDRNOTAVAIL);
  return has_no_ipv6 ? listen_on_ipv4(INADDR_ANY, place.port, "0.0.0.0") : std::move(both);
}

bool is_served(std::uint16_t port) {
  constexpr std::string_view kListens = "0A", kLoopback6 = "00000000000000000000000001000000";
  const std::string at_port = fmt::format(":{:04X}", port);
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream lines(table);
    std::string number, local, remote, state, rest;
    while (lines >> number >> local >> remote >> state && std::getline(lines, rest)) {
      // An IPv4 address is printed last byte first.
      const auto address = std::string_view(local).substr(0, local.find(':'));
      const bool is_loopback = address.size() == 8 ? address.ends_with("7F") : address == kLoopback6;
      if (state == kListens && local.ends_with(at_port) && !is_loopback) return true;
    }
  }
  return false;
}

}  // namespace certlatch
