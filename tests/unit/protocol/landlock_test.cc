// SPDX-License-Identifier: MIT
#include "protocol/landlock.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "protocol/unique_fd.h"

using namespace certlatch;

namespace {

/// Runs `body` in a child, since a restriction is for good; its return value is the exit status.
int in_a_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Directories {
  Directories() {
    char name[] = "/tmp/certlatch-landlock-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    top = name;
    for (const char* below : {"/mine", "/other"}) REQUIRE(::mkdir((top + below).c_str(), 0755) == 0);
  }
  ~Directories() { std::filesystem::remove_all(top); }
  std::string top;
};

bool can_create(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).is_open();
}
bool can_read(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)).is_open();
}

}  // namespace

TEST_CASE("landlock leaves the named directory and takes the rest") {
  const Directories directories;
  CHECK(in_a_child([&] {
          const auto abi = apply_landlock({directories.top + "/mine"});
          if (!abi || *abi == 0) return 1;
          if (!can_create(directories.top + "/mine/file")) return 2;
          if (::rename((directories.top + "/mine/file").c_str(), (directories.top + "/mine/name").c_str()) !=
              0)
            return 3;
          if (::symlink("name", (directories.top + "/mine/link").c_str()) != 0) return 4;
          if (can_create(directories.top + "/other/file")) return 5;
          if (can_read("/etc/passwd")) return 6;
          if (::mknod((directories.top + "/mine/fifo").c_str(), S_IFIFO | 0600, 0) == 0) return 7;
          return 0;
        }) == 0);
}

TEST_CASE("landlock lets nothing be written below a directory that is for reading") {
  const Directories directories;
  REQUIRE(can_create(directories.top + "/mine/file"));
  CHECK(in_a_child([&] {
          const auto abi =
              apply_landlock({}, {.add_rules = [&](int ruleset, int) {
                               return allow_path(ruleset, directories.top + "/mine",
                                                 LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
                             }});
          if (!abi || *abi == 0) return 1;
          if (!can_read(directories.top + "/mine/file")) return 2;
          if (UniqueFd(::open((directories.top + "/mine/file").c_str(), O_WRONLY | O_CLOEXEC)).is_open())
            return 3;
          return can_create(directories.top + "/mine/new") ? 4 : 0;
        }) == 0);
}

TEST_CASE("landlock refuses to listen on a port") {
  CHECK(in_a_child([] {
          const auto abi = apply_landlock({});
          if (!abi || *abi < 4) return 1;
          const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
          sockaddr_in address{.sin_family = AF_INET,
                              .sin_port = htons(18081),
                              .sin_addr = {htonl(INADDR_LOOPBACK)},
                              .sin_zero = {}};
          if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ||
              errno != EACCES)
            return 2;
          return 0;
        }) == 0);
}

TEST_CASE("a path that does not exist is an error and leaves the process as it was") {
  CHECK(in_a_child([] {
          const auto abi = apply_landlock({"/nonexistent/directory"});
          if (abi) return 1;
          return can_read("/etc/passwd") ? 0 : 2;
        }) == 0);
}
