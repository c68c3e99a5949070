// SPDX-License-Identifier: MIT
// Runs a program as an older kernel would: with the Landlock of that time, or without any.
//
//   lab-older-kernel ABI PROGRAM [ARGUMENT...]
//
// A filter of system calls asks a process that this one leaves behind, which answers the question for the
// version with ABI, and for 0 that there is no such call. All else is the real kernel's.
#include <seccomp.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kCalls[] = {SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule),
                          SCMP_SYS(landlock_restrict_self)};

[[noreturn]] void answer(int questions, int abi) {
  seccomp_notif* question = nullptr;
  seccomp_notif_resp* reply = nullptr;
  if (seccomp_notify_alloc(&question, &reply) != 0) std::exit(1);
  for (;;) {
    std::memset(question, 0, sizeof *question);  // or the kernel does not take it
    if (seccomp_notify_receive(questions, question) != 0) break;
    const bool asks_for_version =
        question->data.nr == SYS_landlock_create_ruleset && question->data.args[2] == 1;
    std::memset(reply, 0, sizeof *reply);
    reply->id = question->id;
    if (abi == 0)
      reply->error = -ENOSYS;
    else if (asks_for_version)
      reply->val = abi;
    else
      reply->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (seccomp_notify_respond(questions, reply) != 0) break;
  }
  std::exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fputs("usage: lab-older-kernel ABI PROGRAM [ARGUMENT...]\n", stderr), 2;
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  for (const int call : kCalls)
    if (seccomp_rule_add(filter, SCMP_ACT_NOTIFY, call, 0) != 0) return 1;
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
  if (seccomp_load(filter) != 0) return std::perror("seccomp"), 1;
  const int questions = seccomp_notify_fd(filter);
  // Twice, so that the program finds no child that it has not made.
  if (const pid_t child = ::fork(); child == 0) {
    if (::fork() != 0) ::_exit(0);
    ::setsid();
    ::close(STDOUT_FILENO);
    ::close(STDERR_FILENO);
    answer(questions, std::atoi(argv[1]));
  } else {
    ::waitpid(child, nullptr, 0);
  }
  ::close(questions);
  ::execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 1;
}
