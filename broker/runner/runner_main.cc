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

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <span>

#include "broker/services.h"

namespace certlatch {
namespace {

constexpr std::chrono::seconds kPatience{2};   // between SIGTERM, SIGKILL and giving up
constexpr std::size_t kPipeBytes = 64 * 1024;  // that a pipe holds, pipe(7)

struct Command {
  std::chrono::seconds timeout;
  std::vector<char*> words;  // as execve(2) wants them; a null pointer alone where there is no command
};

std::vector<Command> read_commands(std::span<char*> arguments) {
  std::vector<Command> commands;
  while (arguments.size() >= 2) {
    auto& command = commands.emplace_back(std::chrono::seconds(std::atoi(arguments[0])));
    const auto count = std::min(std::strtoul(arguments[1], nullptr, 10), arguments.size() - 2);
    const auto words = arguments.subspan(2, count);
    command.words.assign(words.begin(), words.end());
    command.words.push_back(nullptr);
    arguments = arguments.subspan(2 + count);
  }
  return commands;
}

/// Returns 0 or an errno value. A session of its own makes the command's process group one that can be
/// signalled.
int spawn(const Command& command, int output, pid_t& child) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDIN_FILENO);  // /dev/null, as the runner's is
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  const int error =
      ::posix_spawn(&child, command.words[0], &actions, &attributes, command.words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  return error;
}

/// Waits until the process has ended, keeping the last kMaxOutputBytes of what comes out of `pipe`; false
/// when the deadline comes first. One read() takes all that the pipe holds, so also what the process wrote
/// last; a daemon that it left behind may go on writing for ever.
bool wait_for_end(int pidfd, int pipe, std::string& output, Deadline deadline) {
  for (std::array<char, kPipeBytes> piece;;) {
    pollfd entries[] = {{pidfd, POLLIN, 0}, {pipe, POLLIN, 0}};
    ::poll(entries, 2, poll_time(deadline));
    const ssize_t n = entries[1].revents != 0 ? ::read(pipe, piece.data(), piece.size()) : 0;
    if (n > 0) output.append(piece.data(), static_cast<std::size_t>(n));
    if (output.size() > kMaxOutputBytes) output.erase(0, output.size() - kMaxOutputBytes);
    if (entries[0].revents != 0) return true;
    if (deadline <= in({})) return false;
  }
}

RunOutcome run(const Command& command) {
  pid_t child = -1;
  int ends[] = {-1, -1};
  const int error = ::pipe2(ends, O_CLOEXEC) != 0 ? errno : spawn(command, ends[1], child);
  // The other end stays open here, too: one that everybody has closed would always be readable.
  const UniqueFd output(ends[0]), input(ends[1]);
  if (error != 0) return {fmt::format("could not be started: {}", std::strerror(error)), {}};

  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  RunOutcome outcome;
  const auto ends_within = [&](std::chrono::seconds time) {
    return wait_for_end(pidfd.get(), output.get(), outcome.output, in(time));
  };
  const bool in_time = ends_within(command.timeout);
  if (!in_time) {
    ::kill(-child, SIGTERM);
    ends_within(kPatience);
    ::kill(-child, SIGKILL);  // whoever of the group is left
    ends_within(kPatience);
  }
  int status = 0;
  ::waitpid(child, &status, WNOHANG);
  if (!in_time)
    outcome.failure = fmt::format("had not ended after {} s and was stopped", command.timeout.count());
  else if (WIFSIGNALED(status))
    outcome.failure = fmt::format("was killed by signal {}", WTERMSIG(status));
  else if (status != 0)
    outcome.failure = fmt::format("exited with status {}", WEXITSTATUS(status));
  return outcome;
}

/// Until the broker closes its end, or asks what makes no sense.
void serve(const std::vector<Command>& commands) {
  Channel broker{UniqueFd(kHelperSocket)};
  RunOutcome outcome;
  while (broker.send(outcome, in(kFrameDeadline))) {
    const auto order = broker.receive<Run>(Deadline::max());
    if (!order) return;
    const auto index = order->command;
    if (index >= commands.size() || commands[index].words[0] == nullptr) return;
    outcome = run(commands[index]);
  }
}

}  // namespace
}  // namespace certlatch

int main(int argc, char** argv) {
  if (argc < 1 || !certlatch::init_secrets()) return 1;
  ::prctl(PR_SET_NAME, "certlatch-runner");  // executed by descriptor, it would be called by that number
  certlatch::serve(certlatch::read_commands(std::span(argv, static_cast<std::size_t>(argc)).subspan(1)));
}
