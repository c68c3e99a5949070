// SPDX-License-Identifier: MIT
#include "worker/role/helper_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>

namespace certlatch {
namespace {

constexpr int kParentFd = 3, kSecondFd = 4;
constexpr std::chrono::seconds kTimeToLeave{2};

// After fork: nothing that allocates. Each failure ends the child with a status of its own.
[[noreturn]] void become(const char* program, const char* role, int channel, int second, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // The parent may have died before the line above.
  if (::getppid() != parent) ::_exit(1);
  // Ctrl-C reaches the whole process group: the main process shuts the door first, and then its helpers
  // leave.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(signal, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Without O_CLOEXEC: it may be the very number that it is copied to.
  const int nothing = ::open("/dev/null", O_RDWR);  // NOLINT(android-cloexec-open)
  if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0 || ::dup2(nothing, STDOUT_FILENO) < 0) ::_exit(1);
  // The numbers 3 and 4 may be in use by these very sockets: first out of the way, then into place.
  const int from = ::fcntl(channel, F_DUPFD, 16);
  const int from_second = second < 0 ? -1 : ::fcntl(second, F_DUPFD, 16);
  if (::dup2(from, kParentFd) < 0 || (second >= 0 && ::dup2(from_second, kSecondFd) < 0)) ::_exit(1);
  const auto first_to_close = static_cast<unsigned>(second < 0 ? kSecondFd : kSecondFd + 1);
  if (::syscall(SYS_close_range, first_to_close, ~0U, 0) != 0) ::_exit(1);
  ::execl(program, "certlatch", "role", role, nullptr);
  ::_exit(127);
}

}  // namespace

Result<SocketPair> joined_sockets() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(Error::system("socketpair"));
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<HelperProcess> HelperProcess::start(const std::string& program, std::string_view role,
                                           UniqueFd second) {
  auto pair = joined_sockets();
  if (!pair) return fail(pair.error());
  const std::string name(role);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail(Error::system(fmt::format("the {} process cannot be started: fork", role)));
  if (child == 0) become(program.c_str(), name.c_str(), pair->other.get(), second.get(), parent);
  return HelperProcess(name, Channel(std::move(pair->one)), child);
}

HelperProcess::HelperProcess(HelperProcess&& other) noexcept
    : role_(std::move(other.role_)),
      channel_(std::move(other.channel_)),
      pid_(std::exchange(other.pid_, -1)) {
  other.channel_.reset();
}

HelperProcess::~HelperProcess() {
  channel_.reset();
  if (pid_ < 0 || reap(in(kTimeToLeave))) return;
  ::kill(pid_, SIGKILL);
  reap(in(kTimeToLeave));
}

std::optional<int> HelperProcess::reap(Deadline deadline) {
  if (pid_ < 0) return std::nullopt;
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd ended{process.get(), POLLIN, 0};
  while (process.is_open() &&
         ::poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) < 0 && errno == EINTR) {
  }
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  return status;
}

Error HelperProcess::explain(const Error& error) {
  if (error.kind == Error::Kind::closed) {
    if (const auto status = reap(in(std::chrono::seconds(1))))
      return Error::closed(
          fmt::format("the {} process ended unexpectedly ({})", role_, ending_text(*status)));
    return Error::closed(fmt::format("the {} process ended unexpectedly", role_));
  }
  return error.in(fmt::format("the {} process", role_));
}

std::string ending_text(int wait_status) {
  if (WIFEXITED(wait_status)) return fmt::format("status {}", WEXITSTATUS(wait_status));
  const int signal = WTERMSIG(wait_status);
  if (signal == SIGSYS) return fmt::format("signal {}: a system call that its confinement forbids", signal);
  return fmt::format("signal {}: {}", signal, ::strsignal(signal));
}

}  // namespace certlatch
