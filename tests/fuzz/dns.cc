// SPDX-License-Identifier: MIT
// A resolver answers anything: what is taken for an address is one. The look-up and the resolver speak over a
// loopback of their own, in a network namespace.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "worker/dns/look_up.h"

namespace {

using namespace certlatch;

const std::vector<std::string> kNames{"example.org"};
std::mutex guard;
std::string reply;

void demand(bool holds, const char* what) {
  if (holds) return;
  std::perror(what);
  std::abort();
}

/// Answers each question with `reply`, behind the question's own id.
void serve(int socket) {
  for (;;) {
    char question[1500];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    if (::recvfrom(socket, question, sizeof question, 0, reinterpret_cast<sockaddr*>(&from), &size) < 2)
      continue;
    const std::lock_guard lock(guard);
    const auto answer = std::string(question, 2) + reply;
    (void)::sendto(socket, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
  }
}

Resolver prepare() {
  demand(::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) == 0,
         "a network of its own");
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  demand(::ioctl(socket, SIOCSIFFLAGS, &loopback) == 0, "loopback");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  demand(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "port 53");
  std::thread(serve, socket).detach();
  char path[] = "/tmp/certlatch-resolv-XXXXXX";
  const int file = ::mkstemp(path);
  constexpr std::string_view kText = "nameserver 127.0.0.1\n";
  demand(::write(file, kText.data(), kText.size()) > 0, path);
  ::close(file);
  auto resolver = Resolver::from(path);
  ::unlink(path);
  demand(resolver.has_value(), "the resolver");
  // An answer as it should be is understood, or nothing would be shown: example.org is 192.0.2.1.
  constexpr char kAnswer[] =
      "\x81\x80\0\1\0\1\0\0\0\0\7example\3org\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1";
  reply.assign(kAnswer, sizeof kAnswer - 1);
  const auto found = resolver->addresses(kNames, in(std::chrono::seconds(2))).front().addresses;
  demand(found == std::vector<std::string>{"192.0.2.1"}, "an answer as it should be");
  return std::move(*resolver);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const Resolver resolver = prepare();
  {
    const std::lock_guard lock(guard);
    reply.assign(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 1400));
  }
  const auto found = resolver.addresses(kNames, in(std::chrono::milliseconds(5)));
  for (const auto& address : found.front().addresses) {
    unsigned char binary[16];
    if (::inet_pton(address.contains(':') ? AF_INET6 : AF_INET, address.c_str(), binary) != 1) std::abort();
  }
  return 0;
}
