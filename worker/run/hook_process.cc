// SPDX-License-Identifier: MIT
#include "worker/run/hook_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "protocol/channel.h"
#include "worker/role/helper_process.h"
#include "worker/run/hidden_directory.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxOutputBytes = 8 * 1024;

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// The child's side. This process has one thread, so allocating after fork() is safe.
[[noreturn]] void become(const Hook& hook, int output, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(1);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Without O_CLOEXEC: it may be the very number that it is copied to.
  const int nothing = ::open("/dev/null", O_RDONLY);  // NOLINT(android-cloexec-open)
  if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0 ||
      ::dup2(output, STDERR_FILENO) < 0 || ::syscall(SYS_close_range, 3, ~0U, 0) != 0 || ::chdir("/") != 0)
    ::_exit(1);
  ::umask(022);
  if (auto hidden = hide_directory(hook.hidden, hook.visible); !hidden) {
    ::dprintf(STDERR_FILENO, "%s\n", hidden.error().message.c_str());
    ::_exit(126);
  }
  auto words = hook.command, environment = hook.environment;
  for (const char* usual :
       {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C.UTF-8"})
    environment.emplace_back(usual);
  ::execve(words.front().c_str(), pointers_to(words).data(), pointers_to(environment).data());
  ::dprintf(STDERR_FILENO, "%s cannot be executed: %s\n", words.front().c_str(), ::strerror(errno));
  ::_exit(127);
}

std::string below(std::string_view output) {
  std::string text;
  while (!output.empty()) {
    const auto end = std::min(output.find('\n'), output.size());
    text += fmt::format("\n  {}", output.substr(0, end));
    output.remove_prefix(std::min(end + 1, output.size()));
  }
  return text;
}

enum class Ending : std::uint8_t { by_itself, late, stopped };

/// Takes what there is, though no more than a while's; false when nobody can write any more.
bool take(int pipe, std::string& output) {
  std::array<char, 4096> some{};
  for (int reads = 0; reads < 64; ++reads) {
    const ssize_t n = ::read(pipe, some.data(), some.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 && errno == EAGAIN;
    output.append(some.data(), static_cast<std::size_t>(n));
    if (output.size() > kMaxOutputBytes) output.erase(0, output.size() - kMaxOutputBytes);
  }
  return true;
}

/// Reads until the command has ended, or its time is up. What it has left running in the background may keep
/// its output, and it may itself go on without any: neither counts.
Ending collect(int pipe, int process, std::string& output, Deadline deadline, const StopSignal& stop,
               LongWait& wait) {
  for (;;) {
    if (std::chrono::steady_clock::now() >= deadline) return Ending::late;
    wait.tell();
    std::array<pollfd, 3> ready{pollfd{process, POLLIN, 0}, pollfd{stop.fd(), POLLIN, 0},
                                pollfd{pipe, POLLIN, 0}};
    if (::poll(ready.data(), ready.size(), poll_time(wait.or_sooner(deadline))) < 0 && errno != EINTR)
      return Ending::late;
    if (ready[1].revents != 0) return Ending::stopped;
    if (ready[2].revents != 0 && !take(pipe, output)) pipe = -1;
    if (ready[0].revents == 0) continue;
    if (pipe >= 0) take(pipe, output);
    return Ending::by_itself;
  }
}

}  // namespace

Result<std::string> run_hook(const Hook& hook, std::chrono::seconds time, const StopSignal& stop,
                             LongWait& wait) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(Error::system("pipe"));
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail(Error::system("fork"));
  if (child == 0) become(hook, writing.get(), parent);
  ::setpgid(child, child);
  writing = UniqueFd();
  std::string output;
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  const Ending ending =
      process.is_open() ? collect(reading.get(), process.get(), output, in(time), stop, wait) : Ending::late;
  if (ending != Ending::by_itself) ::kill(-child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const auto& program = hook.command.front();
  if (ending == Ending::late)
    return fail(
        Error::timed_out(fmt::format("{} did not end within {} s{}", program, time.count(), below(output))));
  if (ending == Ending::stopped) return fail(Error::timed_out(program + ": stopped by a signal"));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  return fail(Error::refused(fmt::format("{} ended with {}{}", program, ending_text(status), below(output))));
}

}  // namespace certlatch
