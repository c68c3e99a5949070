// SPDX-License-Identifier: MIT
#include "broker/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/decision.h"

namespace certlatch {
namespace {

/// The tag, and an entry's name that is longer than any policy's.
constexpr std::size_t kNameBytes = 1 + 4 + 256;

/// All that may be said, Hello first and once; each kind has its handle().
using Row = std::pair<std::uint8_t, std::size_t>;  // tag, and most bytes of the message
constexpr Row kTable[] = {{Hello::kTag, 1 + 4},        {Open::kTag, kNameBytes + 4},
                          {Close::kTag, 1 + 8},        {Install::kTag, kMaxFrameBytes},
                          {Restart::kTag, kNameBytes}, {Stage::kTag, kMaxFrameBytes},
                          {Status::kTag, 1},           {StatusOf::kTag, kMaxFrameBytes}};

/// What an act did, for the log.
std::string text_of(const Opened& done) { return fmt::format("lease {} for {} s", done.lease, done.seconds); }
std::string text_of(const Installed& done) { return fmt::format("version {}", done.version); }
std::string text_of(const Restarted&) { return {}; }

Refused host_cannot(const Error& error) { return {RefusalReason::host, 0, error.message}; }

Answer refuse(Session& session, const std::string& what, Refused refusal) {
  (void)session.powers.audit.write(
      {what, Outcome::refused, session.peer, refusal.line, refusal.sentence, refusal.reason});
  return refusal;
}

/// The entry's budget, then the line in the log, then the budget's record on disk: only when all three stand
/// may the act be done.
template <class Entry, class Act>
Answer perform(Session& session, std::string_view kind, std::string_view name, const Entry* entry, Act act) {
  auto& [policy, leases, installer, services, usage, audit, confinement, alive] = session.powers;
  const auto heading = fmt::format("{} {}", kind, name);
  if (entry == nullptr) return refuse(session, heading, refuse_unknown(policy, kind, name));
  if (const auto wait = entry->per_day ? usage.wait_for_one(heading, *entry->per_day) : 0; wait > 0) {
    const auto sentence =
        fmt::format("[{}] was used {} times within 24 hours, its `per day`; allowed again in {} h {} min",
                    heading, *entry->per_day, (wait + 59) / 3600, (wait + 59) / 60 % 60);
    return refuse(session, heading, {RefusalReason::budget, entry->per_day_line, sentence});
  }
  auto admitted = audit.write({heading, Outcome::allowed, session.peer, entry->line});
  if (admitted && entry->per_day) admitted = usage.take(heading, *entry->per_day);
  if (!admitted) return refuse(session, heading, host_cannot(admitted.error()));
  auto outcome = act(*entry);
  if (auto* refusal = std::get_if<Refused>(&outcome)) return refuse(session, heading, std::move(*refusal));
  (void)audit.write({heading, Outcome::done, session.peer, entry->line, text_of(std::get<0>(outcome))});
  return std::get<0>(std::move(outcome));
}

Answer handle(Session& session, const Hello& request, const Wait&) {
  if (request.version != kProtocolVersion)
    return refuse(session, "hello",
                  {.sentence = fmt::format("this broker speaks version {} of the protocol, not {}: install "
                                           "certlatch and certlatchd of the same release",
                                           kProtocolVersion, request.version)});
  if (auto logged = session.powers.audit.write({"hello", Outcome::allowed, session.peer}); !logged)
    return host_cannot(logged.error());
  session.is_greeted = true;
  return HelloAnswer{kProtocolVersion, session.powers.policy.digest, session.powers.confinement};
}

Answer handle(Session& session, const Open& request, const Wait&) {
  return perform(session, "open", request.entry, session.powers.policy.opening(request.entry),
                 [&](const OpeningEntry& entry) {
                   auto outcome = session.powers.leases.open(entry, request.seconds);
                   if (const auto* opened = std::get_if<Opened>(&outcome))
                     session.leases.push_back(opened->lease);
                   return outcome;
                 });
}

Answer handle(Session& session, const Close& request, const Wait&) {
  const auto what = fmt::format("close {}", request.lease);
  auto& leases = session.powers.leases;
  if (std::erase(session.leases, request.lease) == 0) {
    const bool is_open = std::ranges::count(leases.status(), request.lease, &LeaseStatus::lease) > 0;
    if (!is_open) return Closed{};  // it is over, or never was
    return refuse(session, what, {.sentence = "that lease belongs to another connection"});
  }
  // Shutting is always safe: it waits for neither budget nor log.
  if (auto closed = leases.close(request.lease); !closed)
    return refuse(session, what, host_cannot(closed.error()));
  (void)session.powers.audit.write({what, Outcome::done, session.peer});
  return Closed{};
}

/// And a Stage.
Answer handle(Session& session, const Install& request, const Wait& wait) {
  session.has_staged |= request.is_staged;
  return perform(session, "install", request.entry, session.powers.policy.install(request.entry),
                 [&](const InstallEntry&) { return session.powers.installer.install(request, wait); });
}

Answer handle(Session& session, const Restart& request, const Wait& wait) {
  auto& installer = session.powers.installer;
  return perform(session, "service", request.entry, session.powers.policy.service(request.entry),
                 [&](const ServiceEntry& entry) {
                   std::vector<LoadedPair> live;
                   for (const auto& pair : installer.status())
                     if (pair.state == PairState::whole && std::ranges::count(pair.services, entry.name) > 0)
                       live.push_back({pair.entry, pair.fingerprint});
                   auto outcome = session.powers.services.restart(entry, std::move(live), wait);
                   auto* refused = std::get_if<Refused>(&outcome);
                   if (!refused || refused->reason == RefusalReason::command)
                     installer.keep_staged(entry.name);
                   else if (const auto undone = installer.undo_staged(entry.name); !undone.empty())
                     refused->sentence += "; undone:" + undone;
                   return outcome;
                 });
}

/// And a StatusOf.
Answer handle(Session& session, const Status& request, const Wait&) {
  auto& [policy, leases, installer, services, usage, audit, confinement, alive] = session.powers;
  const auto& only = request.installs;
  const auto is_meant = [&](auto& name) { return only.empty() || std::ranges::count(only, name) > 0; };
  StatusAnswer answer{installer.status(is_meant), services.status(), leases.status(), {}, {}};
  for (auto& service : answer.services)
    std::erase_if(service.loaded, [&](const LoadedPair& pair) { return !is_meant(pair.install); });
  const auto add_budgets = [&](std::string_view kind, const auto& entries) {
    for (const auto& entry : entries)
      if (auto heading = fmt::format("{} {}", kind, entry.name);
          entry.per_day && (kind != "install" || is_meant(entry.name)))
        answer.budgets.push_back({heading, usage.left(heading, *entry.per_day)});
  };
  add_budgets("open", policy.openings);
  add_budgets("install", policy.installs);
  add_budgets("service", policy.services);
  for (const auto& entry : policy.openings)
    answer.openings.push_back({entry.name, entry.port, entry.to_port, entry.to_loopback, entry.at_most});
  return answer;
}

}  // namespace

Result<Answer> carry_out(Session& session, const Wait& wait) {
  const auto frame = session.channel.frame();
  const auto* row = std::ranges::find(kTable, std::to_integer<std::uint8_t>(frame[0]), &Row::first);
  if (row == std::end(kTable)) return fail(Error::invalid("a request of an unknown kind"));
  if ((row->first == Hello::kTag) == session.is_greeted)
    return fail(Error::invalid(session.is_greeted ? "a second Hello" : "the first request is not Hello"));
  if (frame.size() > row->second) return fail(Error::invalid("a request longer than its kind may be"));
  const auto request = TRY(session.channel.take<Request>());
  return std::visit([&](const auto& body) { return handle(session, body, wait); }, request);
}

void end(Session& session, Outcome outcome, std::string why) {
  if (std::exchange(session.is_over, true)) return;
  for (const auto lease : std::exchange(session.leases, {})) {
    const auto closed = session.powers.leases.close(lease);
    why += fmt::format("{}lease {} was open: {}", why.empty() ? "" : "; ", lease,
                       closed ? "shut" : closed.error().message);
  }
  if (session.has_staged)
    if (const auto undone = session.powers.installer.undo_staged(""); !undone.empty())
      why += (why.empty() ? "undone:" : "; undone:") + undone;
  (void)session.powers.audit.write({"connection", outcome, session.peer, 0, std::move(why)});
}

}  // namespace certlatch
