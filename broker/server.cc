// SPDX-License-Identifier: MIT
#include "broker/server.h"

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>

namespace certlatch {
namespace {

constexpr short kHangUp = POLLRDHUP | POLLHUP | POLLERR;
constexpr std::size_t kFirstSession = 2;  // among what look() saw

const Leave kHelperEnded{"the inspector or the runner has ended", true};

}  // namespace

Server::Server(Powers powers, int listener, int signals, uid_t worker, Limits limits)
    : powers_(std::move(powers)),
      listener_(listener),
      signals_(signals),
      worker_(worker),
      limits_(limits),
      idle_since_(in({})) {}

Leave Server::run() {
  while (!leave_) turn(std::chrono::hours(1));
  for (auto& session : sessions_) session->hang_up();
  sessions_.clear();
  return *leave_;
}

bool Server::turn(std::chrono::milliseconds time) {
  const auto seen = look(listener_, POLLIN | POLLRDHUP, std::min(in(time), next_deadline()));
  const Wait wait = [this](int fd, Deadline until) { return this->wait(fd, until); };
  for (std::size_t i = 0; i < sessions_.size() && !leave_; ++i) {
    if (seen[kFirstSession + i].revents != 0 && !sessions_[i]->is_over()) sessions_[i]->serve(wait);
    if (!powers_.helpers_are_alive()) leave_ = kHelperEnded;
  }
  // After reading: a frame that came while another request was carried out is whole now, not late.
  for (auto& session : sessions_) session->check_time();
  std::erase_if(sessions_, [](const auto& session) { return session->is_over(); });
  if (seen[1].revents != 0 && !leave_) accept_connection();

  if (!sessions_.empty() || !powers_.leases.status().empty()) idle_since_ = in({});
  if (limits_.idle && !leave_ && idle_since_ + *limits_.idle <= in({})) leave_ = Leave{"idle"};
  return std::ranges::any_of(seen, [](const pollfd& entry) { return entry.revents != 0; });
}

Deadline Server::next_deadline() const {
  auto next = Deadline::max();
  for (const auto& session : sessions_) next = std::min(next, session->deadline().value_or(Deadline::max()));
  if (limits_.idle && sessions_.empty()) next = std::min(next, idle_since_ + *limits_.idle);
  return next;
}

std::vector<pollfd> Server::look(int fd, short session_events, Deadline until) {
  std::vector<pollfd> entries{{signals_, POLLIN, 0}, {fd, POLLIN, 0}};
  for (const auto& session : sessions_)  // poll(2) passes over a negative descriptor
    entries.push_back({session->is_over() ? -1 : session->fd(), session_events, 0});
  for (const int lease : powers_.leases.descriptors()) entries.push_back({lease, POLLIN, 0});
  until = std::min(until, powers_.leases.next_tidy_up().value_or(until));
  ::poll(entries.data(), entries.size(), poll_time(until));
  if (entries[0].revents != 0) read_signal();
  for (auto& what : powers_.leases.tidy_up())
    (void)powers_.audit.write({"lease", Outcome::note, {}, {}, 0, std::move(what)});
  return entries;
}

Result<bool> Server::wait(int fd, Deadline until) {
  for (;;) {
    const auto seen = look(fd, POLLRDHUP, until);
    for (std::size_t i = 0; i < sessions_.size(); ++i)
      if ((seen[kFirstSession + i].revents & kHangUp) != 0) sessions_[i]->hang_up();
    if (seen[1].revents != 0) return true;
    if (leave_) return fail(Error::closed("the broker was told to end: " + leave_->reason));
    if (until <= in({})) return false;
  }
}

void Server::accept_connection() {
  UniqueFd connection(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.is_open()) return;  // gone again
  const auto peer = peer_of(connection.get());
  const auto reject = [&](std::string why) {
    const auto who = peer ? std::optional(*peer) : std::nullopt;
    (void)powers_.audit.write({"connection", Outcome::violation, who, {}, 0, std::move(why)});
  };
  if (!peer) return reject(peer.error().message);
  if (peer->uid != worker_) return reject(fmt::format("only the worker, uid {}, is served", worker_));
  if (sessions_.size() >= limits_.connections)
    return reject(fmt::format("{} connections are open already", sessions_.size()));
  try {
    sessions_.push_back(std::make_unique<Session>(std::move(connection), *peer, powers_, limits_));
  } catch (const std::bad_alloc&) {
    reject("no memory for another connection");
  }
}

void Server::read_signal() {
  signalfd_siginfo info{};
  if (::read(signals_, &info, sizeof info) != sizeof info) return;
  leave_ = info.ssi_signo == SIGCHLD ? kHelperEnded : Leave{fmt::format("signal {}", info.ssi_signo)};
}

}  // namespace certlatch
