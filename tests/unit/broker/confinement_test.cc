// SPDX-License-Identifier: MIT
// A broker that somebody else has taken over: what it can still do once it is confined.
#include "broker/confinement.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <set>
#include <sstream>
#include <utility>

#include "tests/unit/install/scratch.h"

namespace certlatch {
namespace {

using namespace test;

constexpr uid_t kBroker = 65534;
constexpr int kDone = 0, kRefused = 1, kNotConfined = 99, kKilled = 1000;

/// What becomes of `act` in a process that is confined to `scratch`: kDone when it returns true, kRefused
/// when false, kKilled when the kernel ended the process for the call.
int confined(const Scratch& scratch, const std::function<bool(int directory)>& act,
             std::set<std::pair<uid_t, gid_t>> owners = {}) {
  REQUIRE(::chown(scratch.path().c_str(), kBroker, kBroker) == 0);
  const auto directory = scratch.open();
  const pid_t child = ::fork();
  if (child == 0) {
    if (!confine({kBroker, kBroker, std::move(owners), {scratch.path()}, true})) ::_exit(kNotConfined);
    ::_exit(act(directory.get()) ? kDone : kRefused);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  CHECK(WTERMSIG(status) == SIGSYS);
  return kKilled;
}

TEST_CASE("what the broker does in its directories it can do confined") {
  const Scratch scratch;
  CHECK(confined(scratch, [](int directory) {
          const UniqueFd file(::openat(directory, "f", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
          return file.is_open() && ::fchmod(file.get(), 0640) == 0 && ::write(file.get(), "x", 1) == 1 &&
                 ::fsync(file.get()) == 0 && ::mkdirat(directory, "1", 0755) == 0 &&
                 ::symlinkat("1", directory, "live.new") == 0 &&
                 ::renameat(directory, "live.new", directory, "live") == 0 &&
                 ::renameat(directory, "f", directory, "g") == 0 && ::unlinkat(directory, "g", 0) == 0;
        }) == kDone);
}

/// What /proc tells of a process that is confined to `scratch`, from its file `name`.
std::string proc_of_confined(const Scratch& scratch, const char* name) {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    if (!confine({kBroker, kBroker, {}, {scratch.path()}, true})) ::_exit(kNotConfined);
    ::_exit(::write(theirs.get(), "x", 1) == 1 && ::read(theirs.get(), &byte, 1) == 1 ? 0 : 1);
  }
  theirs.reset();
  char byte = 0;
  REQUIRE(::read(ours.get(), &byte, 1) == 1);
  auto text = contents_of(fmt::format("/proc/{}/{}", child, name));
  CHECK(::write(ours.get(), "x", 1) == 1);
  ::waitpid(child, nullptr, 0);
  return text;
}

TEST_CASE("a confined broker is nobody, with one capability and no way to another") {
  const Scratch scratch;
  const auto status = proc_of_confined(scratch, "status");
  for (const char* line :
       {"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "Groups:\t \n",
        "CapInh:\t0000000000000000", "CapPrm:\t0000000000001000", "CapEff:\t0000000000001000",
        "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"})
    CHECK_MESSAGE(status.find(line) != std::string::npos, line << " is not in\n" << status);
}

TEST_CASE("files elsewhere cannot be opened, even those that anyone may read") {
  const Scratch scratch;
  const UniqueFd etc(::open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const char* name : {"shadow", "passwd"})
    CHECK(confined(scratch, [&](int) {
            return ::openat(etc.get(), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) >= 0;
          }) == kRefused);
  CHECK(confined(scratch, [](int directory) {
          return ::openat(directory, "/etc/passwd", O_RDONLY | O_NOFOLLOW | O_CLOEXEC) >= 0;
        }) == kRefused);
}

TEST_CASE("calls the broker never makes end it") {
  const Scratch scratch;
  struct Case {
    const char* what;
    std::function<bool(int)> act;
  };
  const Case cases[] = {
      {"open by a path from the root",
       [](int) { return ::openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NOFOLLOW) >= 0; }},
      {"open by the same, with garbage in the register's upper half",
       [](int) { return ::syscall(SYS_openat, 0x1ffffff9cL, "/etc/passwd", O_RDONLY | O_NOFOLLOW, 0) >= 0; }},
      {"open that follows links", [](int directory) { return ::openat(directory, "f", O_RDONLY) >= 0; }},
      {"a set-uid file",
       [](int directory) { return ::openat(directory, "f", O_WRONLY | O_CREAT | O_NOFOLLOW, 04755) >= 0; }},
      {"chmod to set-uid", [](int directory) { return ::fchmod(directory, 04755) == 0; }},
      {"chmod by path", [](int) { return ::chmod("/tmp", 0777) == 0; }},
      {"chmod by name", [](int directory) { return ::fchmodat(directory, "f", 0777, 0) == 0; }},
      {"chown by path", [](int) { return ::chown("/tmp", 0, 0) == 0; }},
      {"chown by name",
       [](int directory) { return ::fchownat(directory, "f", 0, 0, AT_SYMLINK_NOFOLLOW) == 0; }},
      {"a Unix socket", [](int) { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }},
      {"a network socket", [](int) { return ::socket(AF_INET, SOCK_DGRAM, 0) >= 0; }},
      {"a netlink socket", [](int) { return ::socket(AF_NETLINK, SOCK_RAW, 0) >= 0; }},
      {"a new process", [](int) { return ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0; }},
      {"another program",
       [](int) {
         const char* const none[] = {nullptr};
         return ::execve("/bin/true", const_cast<char* const*>(none), const_cast<char* const*>(none)) == 0;
       }},
      {"memory that can be executed",
       [](int) {
         return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                MAP_FAILED;
       }},
      {"memory made executable",
       [](int) {
         void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return ::mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
       }},
      {"ioctl", [](int directory) { return ::syscall(SYS_ioctl, directory, 0x5401, 0) == 0; }},
      {"openat2", [](int directory) { return ::syscall(SYS_openat2, directory, "f", nullptr, 24) >= 0; }},
      {"a hard link", [](int directory) { return ::linkat(directory, "f", directory, "g", 0) == 0; }},
      {"a device", [](int directory) { return ::mknodat(directory, "n", S_IFCHR | 0600, 0x103) == 0; }},
      {"another uid", [](int) { return ::syscall(SYS_setuid, 0) == 0; }},
      {"a signal", [](int) { return ::kill(1, 0) == 0; }},
      {"a traced process", [](int) { return ::syscall(SYS_ptrace, 16, 1, 0, 0) == 0; }},
      {"a passed descriptor",
       [](int directory) {
         msghdr header{};
         return ::sendmsg(directory, &header, 0) >= 0;
       }},
      {"a Unix socket addressed by path",
       [](int directory) {
         return ::syscall(SYS_sendto, directory, "x", 1, 0, "\1\0/run/systemd/notify", 21) == 1;
       }},
      {"chown of a descriptor, to anybody",
       [](int directory) { return ::fchown(directory, kBroker, kBroker) == 0; }},
      {"a cut log", [](int directory) { return ::syscall(SYS_ftruncate, directory, 0) == 0; }},
  };
  for (const auto& [what, act] : cases) {
    CAPTURE(what);
    CHECK(confined(scratch, act) == kKilled);
  }
}

TEST_CASE("files can be given to the policy's owners alone") {
  constexpr uid_t kUid = 871;
  constexpr gid_t kGid = 872;
  const auto gives = [&](uid_t uid, gid_t gid) {
    const Scratch scratch;
    const UniqueFd file(::open((scratch / "f").c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
    return confined(scratch, [&](int) { return ::fchown(file.get(), uid, gid) == 0; },
                    {{kUid, kGid}, {0, kGid}});
  };
  CHECK(gives(kUid, kGid) == kDone);
  CHECK(gives(0, kGid) == kDone);
  for (const auto& [uid, gid] :
       {std::pair<uid_t, gid_t>{kUid, 0}, {kBroker, kBroker}, {0, 0}, {kUid, ~0U}, {~0U, kGid}})
    CHECK(gives(uid, gid) == kKilled);
}

TEST_CASE("an append-only log stays append-only") {
  const Scratch scratch;
  const UniqueFd log(::open((scratch / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  CHECK(confined(scratch, [&](int) { return ::fcntl(log.get(), F_SETFL, O_WRONLY) == 0; }) == kRefused);
}

TEST_CASE("nothing of a confined broker ends in a core file, and it can open but few descriptors") {
  const Scratch scratch;
  std::istringstream lines(proc_of_confined(scratch, "limits"));
  unsigned found = 0;
  for (std::string line; std::getline(lines, line);) {
    unsigned soft = 0, hard = 0;
    if (std::sscanf(line.c_str(), "Max core file size %u %u", &soft, &hard) == 2) {
      CHECK(hard == 0);
      ++found;
    }
    if (std::sscanf(line.c_str(), "Max open files %u %u", &soft, &hard) == 2) {
      CHECK(hard < 256);
      ++found;
    }
  }
  CHECK(found == 2);
}

/// A kernel without Landlock, as far as this process can tell.
void hide_landlock() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0);
  seccomp_load(filter);
  seccomp_release(filter);
}

TEST_CASE("without Landlock a required confinement is refused, and best effort names the gap") {
  const Scratch scratch;
  for (const bool is_required : {true, false}) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) {
      hide_landlock();
      const auto in_force = confine({kBroker, kBroker, {}, {scratch.path()}, is_required});
      const auto& text = in_force ? *in_force : in_force.error().message;
      ::_exit(::write(writer.get(), text.data(), text.size()) > 0 && in_force ? 0 : 1);
    }
    writer.reset();
    char text[1000] = {};
    CHECK(::read(reader.get(), text, sizeof text - 1) > 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == (is_required ? 1 : 0));
    CHECK(std::string(text).find("no Landlock") != std::string::npos);
    CHECK((std::string(text).find("confinement = best effort") != std::string::npos) == is_required);
    CHECK((std::string(text).find("NOT in force") != std::string::npos) == !is_required);
  }
}

}  // namespace
}  // namespace certlatch
