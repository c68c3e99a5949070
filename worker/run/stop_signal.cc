// SPDX-License-Identifier: MIT
#include "worker/run/stop_signal.h"

#include <poll.h>
#include <sys/signalfd.h>

#include <csignal>

namespace certlatch {

Result<StopSignal> StopSignal::catch_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, signal);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return fail(Error::system("sigprocmask"));
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!fd.is_open()) return fail(Error::system("signalfd"));
  return StopSignal(std::move(fd));
}

bool StopSignal::is_requested() const {
  pollfd entry{fd_.get(), POLLIN, 0};
  return fd_.is_open() && ::poll(&entry, 1, 0) > 0;
}

}  // namespace certlatch
