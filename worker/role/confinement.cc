// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <initializer_list>

#include "protocol/landlock.h"
#include "protocol/system_call_filter.h"
#include "worker/role/role.h"
#include "worker/role/self_protection.h"

namespace certlatch {
namespace {

using Calls = std::initializer_list<int>;

// Memory, time, and talking over descriptors that are open already.
constexpr Calls kAlways = {SCMP_SYS(read),
                           SCMP_SYS(write),
                           SCMP_SYS(readv),
                           SCMP_SYS(writev),
                           SCMP_SYS(close),
                           SCMP_SYS(fstat),
                           SCMP_SYS(lseek),
                           SCMP_SYS(fcntl),
                           SCMP_SYS(poll),
                           SCMP_SYS(ppoll),
                           SCMP_SYS(recvmsg),
                           SCMP_SYS(recvfrom),
                           SCMP_SYS(sendto),
                           SCMP_SYS(sendmsg),
                           SCMP_SYS(shutdown),
                           SCMP_SYS(brk),
                           SCMP_SYS(munmap),
                           SCMP_SYS(mremap),
                           SCMP_SYS(madvise),
                           SCMP_SYS(mlock),
                           SCMP_SYS(munlock),
                           SCMP_SYS(futex),
                           SCMP_SYS(getrandom),
                           SCMP_SYS(clock_gettime),
                           SCMP_SYS(clock_nanosleep),
                           SCMP_SYS(nanosleep),
                           SCMP_SYS(gettimeofday),
                           SCMP_SYS(time),
                           SCMP_SYS(restart_syscall),
                           SCMP_SYS(rt_sigreturn),
                           SCMP_SYS(rt_sigprocmask),
                           SCMP_SYS(rt_sigaction),
                           SCMP_SYS(sigaltstack),
                           SCMP_SYS(getpid),
                           SCMP_SYS(gettid),
                           SCMP_SYS(getuid),
                           SCMP_SYS(geteuid),
                           SCMP_SYS(getgid),
                           SCMP_SYS(getegid),
                           SCMP_SYS(uname),
                           SCMP_SYS(sysinfo),
                           SCMP_SYS(sched_yield),
                           SCMP_SYS(tgkill),
                           SCMP_SYS(exit),
                           SCMP_SYS(exit_group)};

// Landlock says which files; stat and readlink it leaves alone.
constexpr Calls kReadingFiles = {SCMP_SYS(newfstatat), SCMP_SYS(statx),      SCMP_SYS(access),
                                 SCMP_SYS(faccessat),  SCMP_SYS(faccessat2), SCMP_SYS(readlink),
                                 SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(pread64)};

// Neither chmod nor chown, by path or by descriptor: Landlock does not restrict them.
constexpr Calls kWritingFiles = {SCMP_SYS(fsync),     SCMP_SYS(fdatasync), SCMP_SYS(renameat),
                                 SCMP_SYS(renameat2), SCMP_SYS(unlinkat),  SCMP_SYS(mkdirat)};

constexpr Calls kConnecting = {SCMP_SYS(connect),     SCMP_SYS(setsockopt),  SCMP_SYS(getsockopt),
                               SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(sendmmsg),
                               SCMP_SYS(recvmmsg),    SCMP_SYS(eventfd2)};

constexpr Calls kServing = {SCMP_SYS(accept),     SCMP_SYS(accept4),    SCMP_SYS(setsockopt),
                            SCMP_SYS(getsockopt), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
                            SCMP_SYS(epoll_ctl)};

constexpr Calls kThreads = {SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity)};

#ifdef CERTLATCH_SANITIZED
// What AddressSanitizer's own run-time needs, and nothing that certlatch does: part of no release build.
constexpr Calls kSanitizer = {SCMP_SYS(prctl),     SCMP_SYS(newfstatat), SCMP_SYS(readlink),
                              SCMP_SYS(getrlimit), SCMP_SYS(prlimit64),  SCMP_SYS(sched_getaffinity),
                              SCMP_SYS(dup),       SCMP_SYS(membarrier)};
#endif

// linux/landlock.h of Linux 6.7, ABI 4, has them; Debian 12's does not.
constexpr int kRuleNetPort = 2, kFirstAbiWithPorts = 4;
struct NetPort {
  std::uint64_t allowed, port;
};

Result<void> add_rules(const LandlockRules& rules, int ruleset, int abi) {
  for (const auto& [path, access] : rules.paths) {
    if (access == PathAccess::maintain) continue;
    std::error_code missing;  // of which allow_path() speaks
    const std::uint64_t to_list =
        std::filesystem::is_directory(path, missing) ? LANDLOCK_ACCESS_FS_READ_DIR : 0;
    TRY(allow_path(ruleset, path, LANDLOCK_ACCESS_FS_READ_FILE | to_list));
  }
  for (const auto port : rules.tcp_connect)
    if (const NetPort rule{kConnectTcp, port};
        abi >= kFirstAbiWithPorts && ::syscall(SYS_landlock_add_rule, ruleset, kRuleNetPort, &rule, 0) != 0)
      return fail(Error::system(fmt::format("landlock_add_rule port {}", port)));
  return {};
}

Result<void> apply_rules(const LandlockRules& rules) {
  std::vector<std::string> maintained;
  for (const auto& [path, access] : rules.paths)
    if (access == PathAccess::maintain) maintained.push_back(path);
  TRY(apply_landlock(maintained,
                     {.handled_tcp = kBindTcp | (rules.any_tcp_connect ? 0 : kConnectTcp),
                      .add_rules = [&](int ruleset, int abi) { return add_rules(rules, ruleset, abi); }}));
  return {};
}

// No memory is ever made executable. Refused rather than killed: the loader asks for it when nsswitch.conf
// names a module, and look-ups go on without that module.
void allow_memory(SystemCallFilter& filter) {
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    filter.allow(call, {SystemCallFilter::masked(2, PROT_EXEC, 0)});
    filter.refuse(call, EACCES, {SystemCallFilter::masked(2, PROT_EXEC, PROT_EXEC)});
  }
}

void allow_opening(SystemCallFilter& filter, bool may_write) {
  if (may_write) return filter.allow({SCMP_SYS(open), SCMP_SYS(openat)});
  constexpr std::uint64_t kWrites = O_ACCMODE | O_CREAT | O_TRUNC;
  filter.allow(SCMP_SYS(open), {SystemCallFilter::masked(1, kWrites, O_RDONLY)});
  filter.allow(SCMP_SYS(openat), {SystemCallFilter::masked(2, kWrites, O_RDONLY)});
}

// These two families are refused, not killed: glibc asks nscd by a Unix socket and the kernel's addresses by
// netlink before it resolves a name, and does without when it must.
void allow_sockets(SystemCallFilter& filter) {
  filter.allow(SCMP_SYS(socket), {SystemCallFilter::equals(0, AF_INET)});
  filter.allow(SCMP_SYS(socket), {SystemCallFilter::equals(0, AF_INET6)});
  filter.refuse(SCMP_SYS(socket), EAFNOSUPPORT, {SystemCallFilter::equals(0, AF_UNIX)});
  filter.refuse(SCMP_SYS(socket), EAFNOSUPPORT, {SystemCallFilter::equals(0, AF_NETLINK)});
  filter.allow(SCMP_SYS(socketpair), {SystemCallFilter::equals(0, AF_UNIX)});
  filter.allow(SCMP_SYS(ioctl), {SystemCallFilter::equals(1, FIONREAD)});
  filter.allow(SCMP_SYS(ioctl), {SystemCallFilter::equals(1, FIONBIO)});
}

// A thread of this process, never another process. clone3 hides its flags in memory: glibc falls back to
// clone.
void allow_threads(SystemCallFilter& filter) {
  constexpr std::uint64_t kThread = CLONE_VM | CLONE_THREAD;
  filter.allow(kThreads);
  filter.allow(SCMP_SYS(clone), {SystemCallFilter::masked(0, kThread, kThread)});
  filter.refuse(SCMP_SYS(clone3), ENOSYS);
}

Result<void> apply_seccomp(const RoleLimits& limits) {
  SystemCallFilter filter;
  filter.allow(kAlways);
  allow_memory(filter);
  // glibc's fstat.
  filter.allow(SCMP_SYS(newfstatat), {SystemCallFilter::equals(3, AT_EMPTY_PATH)});
  const bool may_write = std::ranges::any_of(
      limits.landlock.paths, [](const LandlockPath& path) { return path.access == PathAccess::maintain; });
  if (limits.may_open_files) {
    filter.allow(kReadingFiles);
    allow_opening(filter, may_write);
    if (may_write) filter.allow(kWritingFiles);
  }
  if (limits.may_connect) {
    filter.allow(kConnecting);
    allow_sockets(filter);
  }
  if (limits.may_serve) filter.allow(kServing);
  if (limits.may_have_threads) allow_threads(filter);
#ifdef CERTLATCH_SANITIZED
  filter.allow(kSanitizer);
  if (!limits.may_open_files) allow_opening(filter, false);
#endif
  return filter.load();
}

}  // namespace

Result<void> confine_role(const RoleLimits& limits) {
  const auto in_role = [&](Error error) {
    return fail(error.in(fmt::format("the {} process cannot confine itself", limits.role)));
  };
  // glibc reads the time zone on first use, which may be a Date header.
  ::tzset();
  if (auto guarded = protect_self(); !guarded) return in_role(guarded.error());
  if (auto applied = apply_rules(limits.landlock); !applied) return in_role(applied.error());
  if (auto filtered = apply_seccomp(limits); !filtered) return in_role(filtered.error());
  return {};
}

}  // namespace certlatch
