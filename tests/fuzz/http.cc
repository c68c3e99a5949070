// SPDX-License-Identifier: MIT
// A visitor of the responder says anything: the answer, if there is one, is HTTP; what answers a challenge is
// said to who asks for that challenge alone; and the connection ends.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "worker/responder/http_server.h"

namespace {

using namespace certlatch;

constexpr std::string_view kToken = "tokentokentokentoken", kSecret = "tokentokentokentoken.thumbprint";

struct Place {
  Tokens tokens;
  std::unique_ptr<HttpServer> server;
  sockaddr_in address{};
  Place() {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket.get(), 64) != 0 ||
        ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
      std::abort();
    tokens.entries[std::string(kToken)] = {std::string(kSecret), 0};
    auto started = HttpServer::start(std::move(socket), tokens);
    if (!started) std::abort();
    server = std::move(*started);
  }
};

UniqueFd connection_to(const sockaddr_in& address) {
  for (;;) {
    UniqueFd visitor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const linger at_once{1, 0};  // no port is used up
    ::setsockopt(visitor.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (::connect(visitor.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return visitor;
    if (errno == EINTR) continue;  // by the fuzzer's own alarm
    std::perror("connect");
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static Place place;
  if (size == 0) return 0;
  place.tokens.others = static_cast<Others>(data[0] % 3);
  const UniqueFd visitor = connection_to(place.address);
  const std::string_view said(reinterpret_cast<const char*>(data) + 1, size - 1);
  (void)::send(visitor.get(), said.data(), said.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(visitor.get(), SHUT_WR);
  std::string answer;
  for (int turn = 0; turn < 50; ++turn) {
    place.server->serve();
    char some[4096];
    const ssize_t n = ::recv(visitor.get(), some, sizeof some, MSG_DONTWAIT);
    if (n == 0) break;
    if (n > 0) answer.append(some, static_cast<std::size_t>(n));
  }
  if (!answer.empty() && !answer.starts_with("HTTP/1.")) std::abort();
  if (answer.contains(kSecret) && !said.contains(kToken)) std::abort();
  return 0;
}
