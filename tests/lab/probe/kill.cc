// SPDX-License-Identifier: MIT
// Kills one process of a program at the entry of its Nth system call.
//
//   lab-kill PROCESS N COMMAND...
//
// PROCESS is all of its arguments, joined: `certlatch role keeper`. With N = 0 none is killed; how many system
// calls each process made is then printed, one "<calls> <command line>" a line, to standard error. All of the
// command's processes are traced, and go when this one goes.
//
// Exit status: the command's own; 64 + it when the kill took place and the command went on.
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

namespace {

struct Process {
  std::string command;  // its arguments, joined
  long calls = 0;
};

std::map<pid_t, Process> processes;  // by thread

std::string command_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (!text.empty() && text.back() == '\0') text.pop_back();
  for (char& c : text)
    if (c == '\0') c = ' ';
  return text;
}

bool is_entry(pid_t pid) {
  __ptrace_syscall_info info{};
  return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

void report(const Process& process) {
  std::fprintf(stderr, "%ld %s\n", process.calls, process.command.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: lab-kill PROCESS N COMMAND...\n", stderr);
    return 2;
  }
  const std::string_view wanted = argv[1];
  const long at = std::atol(argv[2]);
  const pid_t command = fork();
  if (command == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    execvp(argv[3], argv + 3);
    _exit(127);
  }
  int status = 0;
  waitpid(command, &status, 0);
  ptrace(PTRACE_SETOPTIONS, command, nullptr,
         PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
             PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
  processes[command] = {};
  ptrace(PTRACE_SYSCALL, command, nullptr, nullptr);
  bool has_killed = false;
  int outcome = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0;) {
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (pid == command) outcome = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      if (at == 0) report(processes[pid]);
      processes.erase(pid);
      continue;
    }
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    long deliver = 0;
    if (const auto [found, is_new] = processes.try_emplace(pid); is_new) {
      found->second.command = command_of(pid);  // its first stop, which is not its own
    } else if (event == PTRACE_EVENT_EXEC) {
      if (at == 0) report(found->second);
      found->second = {command_of(pid), 0};
    } else if (signal == (SIGTRAP | 0x80)) {
      Process& process = found->second;
      if (is_entry(pid) && ++process.calls == at && !has_killed && process.command == wanted) {
        has_killed = true;
        kill(pid, SIGKILL);
        continue;
      }
    } else if (event == 0) {
      deliver = signal;
    }
    ptrace(PTRACE_SYSCALL, pid, nullptr, deliver);
  }
  return has_killed && outcome < 64 ? 64 + outcome : outcome;
}
