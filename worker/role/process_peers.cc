// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "worker/role/peers.h"

namespace certlatch {

Result<Channel> ProcessPeers::connect_broker() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.size() >= sizeof address.sun_path)
    return fail(Error::invalid(fmt::format("the broker's socket {}: the path is too long", socket_)));
  socket_.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return fail(Error::system("socket"));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return Channel(std::move(fd));
  const int err = errno;
  if (err == ENOENT || err == ECONNREFUSED)
    return fail(
        Error::closed(fmt::format("there is no broker at {}: is certlatchd.socket started?", socket_)));
  if (err == EACCES || err == EPERM) {
    return fail(Error::refused(fmt::format(
        "your user may not talk to the broker at {}: run certlatch as the policy's worker (user certlatch)",
        socket_)));
  }
  return fail(Error::system(fmt::format("the broker at {} cannot be reached", socket_), err));
}

Result<HelperProcess> ProcessPeers::start_keeper(UniqueFd acme) {
  return HelperProcess::start(program_, "keeper", std::move(acme));
}
Result<HelperProcess> ProcessPeers::start_acme(UniqueFd keeper) {
  return HelperProcess::start(program_, "acme", std::move(keeper));
}
Result<HelperProcess> ProcessPeers::start_responder() { return HelperProcess::start(program_, "responder"); }
Result<HelperProcess> ProcessPeers::start_verify() { return HelperProcess::start(program_, "verify"); }
Result<HelperProcess> ProcessPeers::start_dns() { return HelperProcess::start(program_, "dns"); }

}  // namespace certlatch
