// SPDX-License-Identifier: MIT
#include "worker/doctor/policy_tool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <vector>

#include "protocol/channel.h"
#include "protocol/unique_fd.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxBytes = 1024 * 1024;
constexpr std::chrono::seconds kTime{30};

/// The child's side. This process has one thread, so allocating after fork() is safe.
[[noreturn]] void become(std::vector<std::string> words, int output, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(1);
  // Without O_CLOEXEC: it may be the very number that it is copied to.
  const int nothing = ::open("/dev/null", O_RDWR);  // NOLINT(android-cloexec-open)
  if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0 ||
      ::dup2(nothing, STDERR_FILENO) < 0 || ::syscall(SYS_close_range, 3, ~0U, 0) != 0 || ::chdir("/") != 0)
    ::_exit(1);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language = "LANG=C.UTF-8";
  const std::array<char*, 3> environment{path.data(), language.data(), nullptr};
  ::execve(words.front().c_str(), arguments.data(), environment.data());
  ::_exit(127);
}

/// All of it, up to the bound.
Result<std::string> read_all(int pipe, Deadline deadline) {
  std::string text;
  for (std::array<char, 4096> some{};;) {
    pollfd ready{pipe, POLLIN, 0};
    if (::poll(&ready, 1, poll_time(deadline)) == 0)
      return fail(Error::timed_out(fmt::format("it did not end within {} s", kTime.count())));
    const ssize_t n = ::read(pipe, some.data(), some.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Error::system("read"));
    if (n == 0) return text;
    text.append(some.data(), static_cast<std::size_t>(n));
    if (text.size() > kMaxBytes) return fail(Error::invalid("it says too much"));
  }
}

}  // namespace

Result<std::string> ask_policy_tool(const std::string& policy_file) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto program = self.parent_path() / "certlatch-policy";
  const auto absolute = std::filesystem::absolute(policy_file, error);
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(Error::system("pipe"));
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail(Error::system("fork"));
  if (child == 0)
    become({program, "--policy=" + absolute.string(), "check", "--ruleset", "--json"}, writing.get(), parent);
  writing = UniqueFd();
  auto said = read_all(reading.get(), in(kTime));
  if (!said) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!said) return fail(said.error().in(program.string()));
  if (said->empty()) return fail(Error::invalid(program.string() + " says nothing: is it installed?"));
  return said;
}

}  // namespace certlatch
