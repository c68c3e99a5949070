// SPDX-License-Identifier: MIT
// certlatch-runner: executes the commands that the policy lists, told by index. The one process that stays
// root; it never sees the socket, a key, or a string that came from the worker. A question that it does not
// expect ends it.
//
//   certlatch-runner [SECONDS NUMBER-OF-WORDS [WORD]...]...
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <span>

#include "broker/runner/runner.h"
#include "protocol/messages.h"

namespace certlatch {
namespace {

constexpr std::chrono::seconds kPatience{2};  // between SIGTERM, SIGKILL and giving up

struct Command {
  std::chrono::seconds timeout{0};
  std::vector<char*> words;
};

std::vector<Command> read_commands(std::span<char*> arguments) {
  std::vector<Command> commands;
  while (arguments.size() >= 2) {
    auto& command = commands.emplace_back(std::chrono::seconds(std::atoi(arguments[0])));
    const auto count = std::min(std::strtoul(arguments[1], nullptr, 10), arguments.size() - 2);
    const auto words = arguments.subspan(2, count);
    command.words.assign(words.begin(), words.end());
    arguments = arguments.subspan(2 + count);
  }
  return commands;
}

/// The last kMaxOutputBytes of what a command prints.
struct Output {
  UniqueFd pipe;  // non-blocking
  std::string text;
  /// One piece, without waiting; false when there is none.
  bool read_some() {
    char piece[4096];
    const ssize_t n = ::read(pipe.get(), piece, sizeof piece);
    if (n == 0) pipe.reset();
    if (n <= 0) return false;
    text.append(piece, static_cast<std::size_t>(n));
    if (text.size() > kMaxOutputBytes) text.erase(0, text.size() - kMaxOutputBytes);
    return true;
  }
};

/// Returns 0 or an errno value. A session of its own makes the command's process group one that can be
/// signalled.
int spawn(Command& command, int output, pid_t& child) {
  auto words = command.words;
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  const int error = ::posix_spawn(&child, words[0], &actions, &attributes, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  return error;
}

/// Waits until the process has ended, reading what it prints; false when the deadline comes first.
bool wait_for_end(int pidfd, Output& output, Deadline deadline) {
  while (in({}) < deadline) {
    pollfd entries[] = {{pidfd, POLLIN, 0}, {output.pipe.get(), POLLIN, 0}};
    ::poll(entries, 2, poll_time(deadline));
    if (entries[0].revents != 0) return true;
    if (entries[1].revents != 0) output.read_some();
  }
  return false;
}

RunOutcome run(Command& command) {
  const auto not_started = [](int error) {
    return RunOutcome{fmt::format("could not be started: {}", std::strerror(error)), {}};
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return not_started(errno);
  Output output{UniqueFd(ends[0]), {}};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  pid_t child = -1;
  const int error = spawn(command, ends[1], child);
  ::close(ends[1]);
  if (error != 0) return not_started(error);

  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const bool in_time = wait_for_end(pidfd.get(), output, in(command.timeout));
  if (!in_time) {
    ::kill(-child, SIGTERM);
    wait_for_end(pidfd.get(), output, in(kPatience));
    ::kill(-child, SIGKILL);  // whoever of the group is left
    wait_for_end(pidfd.get(), output, in(kPatience));
  }
  // What the command itself wrote fits into a pipe; a daemon that it left behind may go on writing for ever.
  for (int pieces = 0; pieces < 16 && output.read_some();) ++pieces;
  int status = 0;
  ::waitpid(child, &status, WNOHANG);
  RunOutcome outcome{{}, std::move(output.text)};
  if (!in_time)
    outcome.failure = fmt::format("had not ended after {} s and was stopped", command.timeout.count());
  else if (WIFSIGNALED(status))
    outcome.failure = fmt::format("was killed by signal {}", WTERMSIG(status));
  else if (status != 0)
    outcome.failure = fmt::format("exited with status {}", WEXITSTATUS(status));
  return outcome;
}

/// Until the broker closes its end; the exit status.
int serve(std::vector<Command> commands) {
  Channel broker{UniqueFd(kHelperSocket)};
  for (RunOutcome outcome;;) {
    if (!broker.send(std::variant<RunOutcome>(std::move(outcome)), in(kFrameDeadline))) return 1;
    const auto order = broker.receive<std::variant<Run>>(Deadline::max());
    if (!order) return order.error().kind == Error::Kind::closed ? 0 : 1;
    const auto index = std::get<0>(*order).command;
    if (index >= commands.size() || commands[index].words.empty()) return 1;
    outcome = run(commands[index]);
  }
}

}  // namespace
}  // namespace certlatch

int main(int argc, char** argv) {
  if (argc < 1 || !certlatch::init_secrets()) return 1;
  ::prctl(PR_SET_NAME, "certlatch-runner");  // executed by descriptor, it would be called by that number
  return certlatch::serve(
      certlatch::read_commands(std::span(argv, static_cast<std::size_t>(argc)).subspan(1)));
}
