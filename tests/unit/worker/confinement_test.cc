// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "worker/role/role.h"

using namespace certlatch;

namespace {

constexpr int kUnconfined = 99;
constexpr int kKilled = 128 + SIGSYS;

/// What becomes of `act` in a child that is confined to `limits`: its return value, or 128 and the signal.
int confined(const RoleLimits& limits, const std::function<int()>& act) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(confine_role(limits) ? act() : kUnconfined);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int errno_of(long result) { return result < 0 ? errno : 0; }

const RoleLimits kNothing{.role = "test"};

RoleLimits connecting() {
  return {.role = "test", .landlock = {.any_tcp_connect = true}, .may_connect = true};
}

struct Directory {
  std::string path = [] {
    char name[] = "/tmp/confinement.XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    return std::string(name);
  }();
  ~Directory() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("a confined role goes on with what it is for") {
  CHECK(confined(kNothing, [] {
          std::string memory(1 << 20, 'x');
          return memory.size() == 1 << 20 ? 0 : 1;
        }) == 0);
}

TEST_CASE("no role executes or becomes another program") {
  CHECK(confined(kNothing, [] { return ::execl("/bin/true", "true", nullptr); }) == kKilled);
  CHECK(confined(connecting(), [] { return ::fork() == 0 ? 0 : 1; }) == kKilled);
  CHECK(confined(kNothing, [] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, 0, 0)); }) == kKilled);
  CHECK(confined(kNothing, [] {
          return errno_of(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                                  MAP_FAILED
                              ? -1
                              : 0);
        }) == EACCES);
}

TEST_CASE("a role without threads starts none, one with threads may") {
  const auto start_thread = [] {
    int ran = 0;
    std::thread([&] { ran = 1; }).join();
    return ran == 1 ? 0 : 1;
  };
  CHECK(confined(kNothing, start_thread) != 0);
  CHECK(confined({.role = "test", .may_have_threads = true}, start_thread) == 0);
  CHECK(confined({.role = "test", .may_have_threads = true}, [] { return ::fork() == 0 ? 0 : 1; }) ==
        kKilled);
}

TEST_CASE("a role without a network makes no socket") {
  CHECK(confined(kNothing, [] { return ::socket(AF_INET, SOCK_STREAM, 0); }) == kKilled);
}

TEST_CASE("a role that connects neither binds nor listens, and meets no local service") {
  const auto made = [](int family) { return errno_of(::socket(family, SOCK_STREAM, 0)); };
  CHECK(confined(connecting(), [&] { return made(AF_INET); }) == 0);
  CHECK(confined(connecting(), [&] { return made(AF_INET6); }) == 0);
  CHECK(confined(connecting(), [&] { return made(AF_UNIX); }) == EAFNOSUPPORT);
  CHECK(confined(connecting(), [&] { return made(AF_NETLINK); }) == EAFNOSUPPORT);
  CHECK(confined(connecting(), [&] { return made(AF_PACKET); }) == kKilled);
  CHECK(confined(connecting(), [] {
          const sockaddr_in any{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
          return ::bind(::socket(AF_INET, SOCK_STREAM, 0), reinterpret_cast<const sockaddr*>(&any),
                        sizeof any);
        }) == kKilled);
}

TEST_CASE("a role connects to the ports it was given and to no others") {
  const RoleLimits limits{.role = "test", .landlock = {.tcp_connect = {18081}}, .may_connect = true};
  const auto connected = [](std::uint16_t port) {
    return [port] {
      const sockaddr_in address{.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)},
                                .sin_zero = {}};
      return errno_of(::connect(::socket(AF_INET, SOCK_STREAM, 0),
                                reinterpret_cast<const sockaddr*>(&address), sizeof address));
    };
  };
  CHECK(confined(limits, connected(18081)) == ECONNREFUSED);
  CHECK(confined(limits, connected(18082)) == EACCES);
  CHECK(confined(connecting(), connected(18082)) == ECONNREFUSED);
}

TEST_CASE("a role opens the files it was given and no others") {
  const Directory given;
  const RoleLimits reading{
      .role = "test", .landlock = {.paths = {{given.path, PathAccess::read}}}, .may_open_files = true};
  const RoleLimits writing{
      .role = "test", .landlock = {.paths = {{given.path, PathAccess::maintain}}}, .may_open_files = true};
  const auto opened = [](std::string path, int flags) {
    return
        [path = std::move(path), flags] { return errno_of(::open(path.c_str(), flags | O_CLOEXEC, 0600)); };
  };
  CHECK(confined(reading, opened(given.path, O_RDONLY | O_DIRECTORY)) == 0);
  CHECK(confined(reading, opened("/etc/passwd", O_RDONLY)) == EACCES);
  CHECK(confined(reading, opened(given.path + "/new", O_WRONLY | O_CREAT)) == kKilled);
  CHECK(confined(writing, opened(given.path + "/new", O_WRONLY | O_CREAT)) == 0);
  CHECK(confined(writing, opened("/tmp/confinement.elsewhere", O_WRONLY | O_CREAT)) == EACCES);
  CHECK(confined(writing, [&] { return ::chmod(given.path.c_str(), 0777); }) == kKilled);
  CHECK(confined(kNothing, [] { return errno_of(::open("/etc/passwd", O_RDONLY | O_CLOEXEC)); }) != 0);
}

TEST_CASE("a role leaves no core and gains no privilege") {
  int ready[2] = {-1, -1};
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool is_confined = confine_role(kNothing).has_value();
    (void)!::write(ready[1], is_confined ? "y" : "n", 1);
    for (;;) ::usleep(100'000);
  }
  char answer = 0;
  CHECK(::read(ready[0], &answer, 1) == 1);
  CHECK(answer == 'y');
  const auto contents = [&](const char* name) {
    std::ifstream file(fmt::format("/proc/{}/{}", child, name));
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  CHECK(contents("limits").contains("Max core file size        0                    0 "));
  CHECK(contents("status").contains("NoNewPrivs:\t1"));
  CHECK(contents("status").contains("Seccomp:\t2"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}
