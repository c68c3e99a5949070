// SPDX-License-Identifier: MIT
// seccomp(2) for a process that is done with its preparations: what is not allowed here kills it. Used by the
// broker, the inspector and every role of the worker; link libseccomp for it.
#pragma once

#include <seccomp.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "protocol/result.h"

namespace certlatch {

class SystemCallFilter {
 public:
  /// Whatever their arguments.
  void allow(std::initializer_list<int> calls) {
    for (const int call : calls) add(SCMP_ACT_ALLOW, call, {});
  }
  /// When all of `when` hold.
  void allow(int call, std::initializer_list<scmp_arg_cmp> when) { add(SCMP_ACT_ALLOW, call, when); }
  /// Fails with `err` instead of killing.
  void refuse(int call, int err, std::initializer_list<scmp_arg_cmp> when = {}) {
    add(SCMP_ACT_ERRNO(static_cast<std::uint32_t>(err)), call, when);
  }
  /// For good, in this thread.
  Result<void> load() {
    if (error_ == 0)
      error_ = ::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (error_ == 0) error_ = ::seccomp_load(context_.get());
    if (error_ != 0) return fail(Error::system("seccomp filter", -error_));
    return {};
  }

  static scmp_arg_cmp equals(unsigned argument, std::uint64_t value) {
    return {argument, SCMP_CMP_EQ, value, 0};
  }
  /// Of the argument's bits in `mask` those of `value` are set, and no others.
  static scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
    return {argument, SCMP_CMP_MASKED_EQ, mask, value};
  }

 private:
  void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> when) {
    if (error_ != 0) return;
    error_ = ::seccomp_rule_add_array(context_.get(), action, call, static_cast<unsigned>(when.size()),
                                      when.size() == 0 ? nullptr : when.begin());
  }

  std::unique_ptr<void, void (*)(void*)> context_{::seccomp_init(SCMP_ACT_KILL_PROCESS), ::seccomp_release};
  int error_ = context_ ? 0 : -ENOMEM;
};

/// Memory (never executable), time, chance, the end, and talking over a descriptor that is open already: what
/// the broker and its inspector have in common.
// clang-format off
inline constexpr int kBasicCalls[] = {
      SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(recvmsg), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(brk),
      SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(munlock), SCMP_SYS(futex),
      SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(getpid), SCMP_SYS(restart_syscall),
      SCMP_SYS(rt_sigreturn), SCMP_SYS(exit), SCMP_SYS(exit_group)};
// clang-format on
inline void allow_basics(SystemCallFilter& filter) {
  for (const int call : kBasicCalls) filter.allow({call});
    // clang-format off
#ifdef CERTLATCH_SANITIZED
  // What the sanitizers' run-time does, and to report a fault. Never in a build that is installed.
  filter.allow({
      SCMP_SYS(gettid), SCMP_SYS(sched_yield), SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(tgkill),
      SCMP_SYS(rt_sigprocmask), SCMP_SYS(readlink), SCMP_SYS(close)});
#endif
  // clang-format on
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
    filter.allow(call, {SystemCallFilter::masked(2, PROT_EXEC, 0)});
}

}  // namespace certlatch
