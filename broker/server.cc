// SPDX-License-Identifier: MIT
#include "broker/server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <csignal>

namespace certlatch {
namespace {

constexpr std::size_t kMaxConnections = 16;
constexpr std::size_t kFirstSession = 2;  // among what look() saw

const Leave kHelperEnded{"the inspector or the runner has ended", true};

/// Polls until `until`: the signals, `fd`, of each connection `session_events`, and the leases. Signals and
/// leases are dealt with. In that order, as poll(2) left them.
std::vector<pollfd> look(Server& server, int fd, short session_events, Deadline until) {
  auto& leases = server.powers.leases;
  std::vector<pollfd> entries{{server.signals, POLLIN, 0}, {fd, POLLIN, 0}};
  for (const auto& session : server.sessions)  // poll(2) passes over a negative descriptor
    entries.push_back({session->is_over ? -1 : session->channel.fd(), session_events, 0});
  for (const int lease : leases.descriptors()) entries.push_back({lease, POLLIN, 0});
  ::poll(entries.data(), entries.size(), poll_time(std::min(until, leases.next_tidy_up().value_or(until))));
  if (signalfd_siginfo info{}; ::read(server.signals, &info, sizeof info) == sizeof info)
    server.leave = info.ssi_signo == SIGCHLD ? kHelperEnded : Leave{fmt::format("signal {}", info.ssi_signo)};
  for (auto& what : leases.tidy_up())
    (void)server.powers.audit.write({"lease", Outcome::note, {}, 0, std::move(what)});
  return entries;
}

/// While a request is carried out.
Result<bool> wait_meanwhile(Server& server, int fd, Deadline until) {
  for (;;) {
    const auto seen = look(server, fd, POLLRDHUP, until);
    for (std::size_t i = 0; i < server.sessions.size(); ++i)
      if (seen[kFirstSession + i].revents != 0) end(*server.sessions[i], Outcome::ended);
    if (seen[1].revents != 0) return true;
    if (server.leave) return fail(Error::closed("the broker was told to end: " + server.leave->reason));
    if (until <= in({})) return false;
  }
}

/// For a readable connection: reads, and when a request is whole carries it out and answers it.
Result<void> answer_request(Server& server, Session& session) {
  if (!TRY(session.channel.fill())) return {};
  const auto answer = TRY(carry_out(session, std::bind_front(wait_meanwhile, std::ref(server))));
  session.last_heard = in({});
  if (session.is_over) return {};  // the worker went away meanwhile
  auto sent = session.channel.send(answer, in(server.limits.answer));
  const Answer too_long = Refused{RefusalReason::host, 0, "the answer does not fit into a frame"};
  if (!sent && sent.error().kind == Error::Kind::invalid)  // nothing was sent
    sent = session.channel.send(too_long, in(server.limits.answer));
  return sent;
}

void serve(Server& server, Session& session) {
  try {
    const auto served = answer_request(server, session);
    if (!served && served.error().kind == Error::Kind::closed) end(session, Outcome::ended);
    if (!served) end(session, Outcome::violation, served.error().message);  // unless it has ended
  } catch (const std::exception& e) {  // memory, mostly: the connection's own frames are bounded
    end(session, Outcome::violation, e.what());
  }
}

/// When the session is to end by itself: never while a lease is open and no frame is under way.
Deadline deadline(const Session& session, const Limits& limits) {
  if (const auto began = session.channel.frame_began()) return *began + limits.frame;
  return session.leases.empty() ? session.last_heard + limits.quiet : Deadline::max();
}

void accept_connection(Server& server) {
  UniqueFd connection(::accept4(server.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.is_open()) return;  // gone again
  ucred peer{};
  socklen_t size = sizeof peer;
  const auto reject = [&](std::string why) {
    (void)server.powers.audit.write({"connection", Outcome::violation, peer, 0, std::move(why)});
  };
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != server.worker)
    return reject(fmt::format("only the worker, uid {}, is served", server.worker));
  if (server.sessions.size() >= kMaxConnections)
    return reject(fmt::format("{} connections are open already", kMaxConnections));
  try {
    server.sessions.push_back(std::make_unique<Session>(server.powers, Channel(std::move(connection)), peer));
  } catch (const std::bad_alloc&) {
    reject("no memory for another connection");
  }
}

}  // namespace

Leave Server::run() {
  while (!leave) turn(std::chrono::hours(1));
  for (auto& session : sessions) end(*session, Outcome::ended);
  return *leave;
}

bool Server::turn(std::chrono::milliseconds time) {
  auto until = in(time);
  for (const auto& session : sessions) until = std::min(until, deadline(*session, limits));
  if (limits.idle) until = std::min(until, idle_since + *limits.idle);
  const auto seen = look(*this, listener, POLLIN | POLLRDHUP, until);
  for (std::size_t i = 0; i < sessions.size() && !leave; ++i) {
    if (seen[kFirstSession + i].revents != 0 && !sessions[i]->is_over) serve(*this, *sessions[i]);
    if (!powers.helpers_are_alive()) leave = kHelperEnded;
  }
  // After reading: a frame that came while another request was carried out is whole now, not late. A
  // session's quiet time begins when its lease is over.
  const auto open = powers.leases.status();
  const auto is_over = [&](auto lease) { return !std::ranges::count(open, lease, &LeaseStatus::lease); };
  for (auto& session : sessions) {
    if (std::erase_if(session->leases, is_over) > 0) session->last_heard = in({});
    if (deadline(*session, limits) > in({})) continue;
    session->channel.frame_began() ? end(*session, Outcome::violation, "a frame did not arrive whole in time")
                                   : end(*session, Outcome::ended, "nothing was asked for too long");
  }
  std::erase_if(sessions, [](const auto& session) { return session->is_over; });
  if (seen[1].revents != 0 && !leave) accept_connection(*this);

  if (!sessions.empty() || !open.empty()) idle_since = in({});
  if (limits.idle && !leave && idle_since + *limits.idle <= in({})) leave = Leave{"idle"};
  return std::ranges::any_of(seen, [](const pollfd& entry) { return entry.revents != 0; });
}

}  // namespace certlatch
