// SPDX-License-Identifier: MIT
// The socket: made here or inherited, never somebody else's.
#include "broker/listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <functional>

#include "tests/unit/install/scratch.h"

namespace certlatch {
namespace {

using namespace test;

/// The exit status of `body` in a child that inherits `fd` as 3 and believes to be started by a service
/// manager.
int activated(int fd, const char* count, const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (fd != 3) ::dup2(fd, 3);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", count, 1);
    ::_exit(body());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

int kind_of_inherited() {
  const auto inherited = inherited_listener();
  if (!inherited) return 1;
  return inherited->is_open() ? 2 : 0;
}

TEST_CASE("the socket is root's and the worker's group's from its first instant") {
  const Scratch scratch;
  const auto listener = make_listener(scratch / "sock", 33);
  REQUIRE(listener);
  struct stat status {};
  REQUIRE(::stat((scratch / "sock").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0660);
  CHECK(status.st_uid == 0);
  CHECK(status.st_gid == 33);
  CHECK(::getegid() == ::getgid());
}

TEST_CASE("a stale socket is replaced, a live one is not, a file is left alone") {
  const Scratch scratch;
  CHECK(make_listener(scratch / "sock", 0));  // and nobody listens any more
  const auto second = make_listener(scratch / "sock", 0);
  REQUIRE(second);
  const auto third = make_listener(scratch / "sock", 0);
  REQUIRE(!third);
  CHECK(third.error().kind == Error::Kind::conflict);
  write_file(scratch / "file", "precious");
  CHECK_FALSE(make_listener(scratch / "file", 0));
  CHECK(contents_of(scratch / "file") == "precious");
}

TEST_CASE("a path that is too long or leads nowhere is refused") {
  const Scratch scratch;
  CHECK_FALSE(make_listener(scratch / std::string(200, 'x'), 0));
  CHECK_FALSE(make_listener(scratch / "none/sock", 0));
}

TEST_CASE("only a listening Unix stream socket is inherited, and only for this process") {
  const Scratch scratch;
  const auto listener = make_listener(scratch / "sock", 0);
  REQUIRE(listener);
  CHECK(activated(listener->get(), "1", kind_of_inherited) == 2);
  CHECK(activated(listener->get(), "2", kind_of_inherited) == 1);
  CHECK(activated(listener->get(), "1", [] {
          ::setenv("LISTEN_PID", "1", 1);
          return kind_of_inherited();
        }) == 0);
  CHECK(activated(listener->get(), "1", [] {
          const auto inherited = inherited_listener();
          if (!inherited || !inherited->is_open() || std::getenv("LISTEN_FDS") != nullptr) return 1;
          return ::fcntl(3, F_GETFD) == FD_CLOEXEC ? 0 : 2;
        }) == 0);
  const UniqueFd connected(::socket(AF_UNIX, SOCK_STREAM, 0));
  CHECK(activated(connected.get(), "1", kind_of_inherited) == 1);
  const UniqueFd datagram(::socket(AF_UNIX, SOCK_DGRAM, 0));
  CHECK(activated(datagram.get(), "1", kind_of_inherited) == 1);
  const UniqueFd file(::open("/dev/null", O_RDONLY));
  CHECK(activated(file.get(), "1", kind_of_inherited) == 1);
}

}  // namespace
}  // namespace certlatch
