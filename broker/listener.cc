// SPDX-License-Identifier: MIT
#include "broker/listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace certlatch {
namespace {

constexpr int kFirstInherited = 3;
constexpr int kBacklog = 16;

/// The environment variable as a number, -1 when it is absent or is not one; it is removed.
int take_number(const char* name) {
  const std::string text = std::getenv(name) == nullptr ? "" : std::getenv(name);
  ::unsetenv(name);
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

bool has_option(int fd, int option, int wanted) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

UniqueFd stream_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Makes way for a new socket: removes one that nobody listens on.
Result<void> clear_path(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0)
    return errno == ENOENT ? Result<void>() : fail(Error::system("look at " + path));
  if (!S_ISSOCK(status.st_mode))
    return fail(Error::conflict(path + " exists and is not a socket: remove it"));
  const auto probe = stream_socket();
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN)
    return fail(Error::conflict("another broker answers at " + path + ": stop it first"));
  if (errno != ECONNREFUSED) return fail(Error::system("connect to " + path));
  if (::unlink(path.c_str()) != 0) return fail(Error::system("remove the stale socket " + path));
  return {};
}

}  // namespace

Result<UniqueFd> inherited_listener() {
  const int pid = take_number("LISTEN_PID");
  const int count = take_number("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  if (pid != ::getpid()) return UniqueFd();
  if (count != 1) return fail(Error::invalid("the service manager must pass exactly one socket"));
  if (!has_option(kFirstInherited, SO_DOMAIN, AF_UNIX) ||
      !has_option(kFirstInherited, SO_TYPE, SOCK_STREAM) || !has_option(kFirstInherited, SO_ACCEPTCONN, 1))
    return fail(
        Error::invalid("what the service manager passed is not a listening Unix stream socket: set "
                       "ListenStream= to a path"));
  ::fcntl(kFirstInherited, F_SETFD, FD_CLOEXEC);
  ::fcntl(kFirstInherited, F_SETFL, ::fcntl(kFirstInherited, F_GETFL) | O_NONBLOCK);
  return UniqueFd(kFirstInherited);
}

Result<UniqueFd> make_listener(const std::string& path, gid_t group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(Error::invalid("the socket's path is longer than a Unix socket's may be: " + path));
  std::memcpy(address.sun_path, path.c_str(), path.size());
  if (auto clear = clear_path(path, address); !clear) return fail(clear.error());

  auto listener = stream_socket();
  if (!listener.is_open()) return fail(Error::system("socket"));
  // The file is made with its final owner and mode: the directory may belong to the broker's own user, and a
  // chown or chmod by path there could be led astray.
  const mode_t old_umask = ::umask(0117);
  const bool grouped = ::setegid(group) == 0;
  const bool bound =
      grouped && ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int bind_error = errno;
  ::umask(old_umask);
  if (::setegid(::getgid()) != 0) return fail(Error::system("setegid"));
  if (!bound) return fail(Error::system("make the socket " + path, bind_error));
  if (::listen(listener.get(), kBacklog) != 0) return fail(Error::system("listen on " + path));
  return listener;
}

Result<Peer> peer_of(int connection) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return fail(Error::system("getsockopt SO_PEERCRED"));
  return Peer{credentials.uid, credentials.pid};
}

}  // namespace certlatch
