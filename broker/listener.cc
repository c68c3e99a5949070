// SPDX-License-Identifier: MIT
#include "broker/listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <filesystem>

namespace certlatch {
namespace {

constexpr int kFirstInherited = 3;
constexpr int kBacklog = 16;

/// The environment variable, empty when there is none; it is removed.
std::string take(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

}  // namespace

Result<UniqueFd> inherited_listener() {
  const auto pid = take("LISTEN_PID"), count = take("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  if (pid != std::to_string(::getpid())) return UniqueFd();
  if (count != "1") return fail(Error::invalid("the service manager must pass exactly one socket"));
  UniqueFd listener(kFirstInherited);
  for (const auto& [option, wanted] :
       {std::pair(SO_DOMAIN, AF_UNIX), {SO_TYPE, SOCK_STREAM}, {SO_ACCEPTCONN, 1}}) {
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(listener.get(), SOL_SOCKET, option, &value, &size) != 0 || value != wanted)
      return fail(
          Error::invalid("what the service manager passed is not a listening Unix stream socket: set "
                         "ListenStream= to a path"));
  }
  ::fcntl(listener.get(), F_SETFD, FD_CLOEXEC);
  ::fcntl(listener.get(), F_SETFL, ::fcntl(listener.get(), F_GETFL) | O_NONBLOCK);
  return listener;
}

Result<UniqueFd> make_listener(const std::string& path, gid_t group) {
  sockaddr_un address{AF_UNIX, {}};
  if (path.size() >= sizeof address.sun_path)
    return fail(Error::invalid("the socket's path is longer than a Unix socket's may be: " + path));
  path.copy(address.sun_path, path.size());
  const auto* there = reinterpret_cast<const sockaddr*>(&address);
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

  // Only a socket that nobody listens on makes way.
  if (const auto found = std::filesystem::symlink_status(path); exists(found) && !is_socket(found))
    return fail(Error::conflict(path + " exists and is not a socket: remove it"));
  if (::connect(listener.get(), there, sizeof address) == 0 || errno == EAGAIN)
    return fail(Error::conflict("another broker answers at " + path + ": stop it first"));
  if (errno != ECONNREFUSED && errno != ENOENT) return fail(Error::system("connect to " + path));
  if (errno == ECONNREFUSED && ::unlink(path.c_str()) != 0)
    return fail(Error::system("remove the stale socket " + path));

  // The file is made with its final owner and mode: the directory may belong to the broker's own user, and a
  // chown or chmod by path there could be led astray.
  const mode_t old_umask = ::umask(0117);
  const bool is_made = ::setegid(group) == 0 && ::bind(listener.get(), there, sizeof address) == 0 &&
                       ::listen(listener.get(), kBacklog) == 0;
  auto failure = Error::system("make the socket " + path);
  ::umask(old_umask);
  if (::setegid(::getgid()) != 0 || !is_made) return fail(std::move(failure));
  return listener;
}

}  // namespace certlatch
