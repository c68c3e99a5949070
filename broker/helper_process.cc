// SPDX-License-Identifier: MIT
#include "broker/helper_process.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace certlatch {
namespace {

/// In the child: only returns when it fails. `program` is executed by descriptor, so that a directory which
/// nobody may not search (a checkout below /root) is no obstacle.
void become_helper(int program, char* const* arguments, int socket, const std::vector<int>& kept,
                   bool (*shed)()) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (::dup2(socket, kHelperSocket) < 0 || ::dup2(null, STDOUT_FILENO) < 0) return;
#ifndef CERTLATCH_SANITIZED  // whose report goes there
  if (::dup2(null, STDERR_FILENO) < 0) return;
#endif
  if (::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return;
  for (const int fd : kept)
    if (::fcntl(fd, F_SETFD, 0) != 0) return;
  if (shed != nullptr && !shed()) return;
  const char* const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", nullptr};
  ::fexecve(program, arguments, const_cast<char* const*>(environment));
}

}  // namespace

Result<HelperProcess> HelperProcess::start(const std::string& program,
                                           const std::vector<std::string>& arguments,
                                           const std::vector<int>& kept, bool (*shed)()) {
  const UniqueFd file(::open(program.c_str(), O_PATH | O_CLOEXEC));
  if (!file.is_open()) return fail(Error::system("open " + program));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Error::system("socketpair"));
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  std::vector<char*> words{const_cast<char*>(program.c_str())};
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return fail(Error::system("fork"));
  if (child == 0) {
    become_helper(file.get(), words.data(), theirs.get(), kept, shed);
    ::_exit(127);
  }
  return HelperProcess(program.substr(program.rfind('/') + 1), std::move(ours));
}

Error HelperProcess::lost(const Error& error) {
  is_alive_ = false;
  return Error::closed(name_ + ": " + error.message);
}

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return (c < ' ' || c > '~') && c != '\n' && c != '\t'; }, '?');
  return text;
}

}  // namespace certlatch
