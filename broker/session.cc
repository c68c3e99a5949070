// SPDX-License-Identifier: MIT
#include "broker/session.h"

#include <fmt/format.h>

#include <algorithm>

namespace certlatch {
namespace {

/// The tag, and an entry's name that is longer than any policy's.
constexpr std::size_t kNameBytes = 1 + 4 + 256;

/// What an act did, for the log.
std::string text_of(const Opened& done) { return fmt::format("lease {} for {} s", done.lease, done.seconds); }
std::string text_of(const Installed& done) { return fmt::format("version {}", done.version); }
std::string text_of(const Restarted&) { return {}; }

/// All that may be said, Hello first and once; each kind has its handle().
using Row = std::pair<std::uint8_t, std::size_t>;  // tag, and most bytes of the message
constexpr Row kTable[] = {{Hello::kTag, 1 + 4},        {Open::kTag, kNameBytes + 4},
                          {Close::kTag, 1 + 8},        {Install::kTag, kMaxFrameBytes},
                          {Restart::kTag, kNameBytes}, {Stage::kTag, kMaxFrameBytes},
                          {Status::kTag, 1},           {StatusOf::kTag, kMaxFrameBytes}};

}  // namespace

Session::Session(UniqueFd connection, Peer peer, Powers& powers, const Limits& limits)
    : channel_(std::move(connection)), peer_(peer), powers_(powers), limits_(limits), last_heard_(in({})) {}

void Session::serve(const Wait& wait) {
  try {
    const auto whole = channel_.fill();
    if (whole && *whole) carry_out(wait);
    if (!whole) end_by(whole.error());
  } catch (const std::exception& e) {  // memory, mostly: the connection's own frames are bounded
    end(Outcome::violation, e.what());
  }
}

void Session::carry_out(const Wait& wait) {
  const auto frame = channel_.frame();
  const auto* row = std::ranges::find(kTable, std::to_integer<std::uint8_t>(frame[0]), &Row::first);
  if (row == std::end(kTable)) return end(Outcome::violation, "a request of an unknown kind");
  if ((row->first == Hello::kTag) == is_greeted_)
    return end(Outcome::violation, is_greeted_ ? "a second Hello" : "the first request is not Hello");
  if (frame.size() > row->second) return end(Outcome::violation, "a request longer than its kind may be");
  const auto request = channel_.take<Request>();
  if (!request) return end(Outcome::violation, request.error().message);
  reply(std::visit([&](const auto& body) { return handle(body, wait); }, *request));
  last_heard_ = in({});
}

void Session::reply(const Answer& answer) {
  if (is_over_) return;  // the worker went away meanwhile
  auto sent = channel_.send(answer, in(limits_.answer));
  if (!sent && sent.error().kind == Error::Kind::invalid)  // nothing was sent
    sent = channel_.send(Answer(Refused{RefusalReason::host, 0, "the answer does not fit into a frame", {}}),
                         in(limits_.answer));
  if (!sent) end_by(sent.error());
}

Answer Session::handle(const Hello& request, const Wait&) {
  if (request.version != kProtocolVersion) {
    const auto sentence = fmt::format(
        "this broker speaks version {} of the protocol, not {}: install certlatch "
        "and certlatchd of the same release",
        kProtocolVersion, request.version);
    return refuse("hello", {RefusalReason::policy, 0, sentence, {}});
  }
  if (auto logged = log("hello", Outcome::allowed); !logged)
    return Refused{RefusalReason::host, 0, logged.error().message, {}};
  is_greeted_ = true;
  return HelloAnswer{kProtocolVersion, powers_.policy.digest, powers_.confinement};
}

template <class Entry, class Act>
Answer Session::perform(std::string_view kind, std::string_view name, const Entry* entry, Act act) {
  const auto heading = fmt::format("{} {}", kind, name);
  if (entry == nullptr) return refuse(heading, refuse_unknown(powers_.policy, kind, name));
  if (auto refusal = admit(heading, *entry)) return refuse(heading, std::move(*refusal));
  auto outcome = act(*entry);
  if (auto* refusal = std::get_if<Refused>(&outcome)) return refuse(heading, std::move(*refusal));
  auto& done = std::get<0>(outcome);
  (void)log(heading, Outcome::done, entry->line, text_of(done));
  return std::move(done);
}

/// The budget, then the line in the log, then the budget's record on disk: only when all three stand may the
/// act be done.
template <class Entry>
std::optional<Refused> Session::admit(const std::string& heading, const Entry& entry) {
  const auto wait = entry.per_day ? powers_.usage.wait_for_one(heading, *entry.per_day) : 0;
  if (wait > 0) {
    const auto sentence =
        fmt::format("[{}] was used {} times within 24 hours, its `per day`; allowed again in {} h {} min",
                    heading, *entry.per_day, (wait + 59) / 3600, (wait + 59) / 60 % 60);
    return Refused{RefusalReason::budget, entry.per_day_line, sentence, {}};
  }
  if (auto logged = log(heading, Outcome::allowed, entry.line); !logged)
    return Refused{RefusalReason::host, 0, logged.error().message, {}};
  if (entry.per_day)
    if (auto taken = powers_.usage.take(heading, *entry.per_day); !taken)
      return Refused{RefusalReason::host, 0, taken.error().message, {}};
  return std::nullopt;
}

Answer Session::handle(const Open& request, const Wait&) {
  return perform("open", request.entry, powers_.policy.opening(request.entry),
                 [&](const OpeningEntry& entry) {
                   auto outcome = powers_.leases.open(entry, request.seconds);
                   if (const auto* opened = std::get_if<Opened>(&outcome)) leases_.push_back(opened->lease);
                   return outcome;
                 });
}

Answer Session::handle(const Close& request, const Wait&) {
  const auto what = fmt::format("close {}", request.lease);
  const auto own = std::ranges::find(leases_, request.lease);
  if (own == leases_.end()) {
    const auto open = powers_.leases.status();
    if (std::ranges::find(open, request.lease, &LeaseStatus::lease) != open.end())
      return refuse(what, {RefusalReason::policy, 0, "that lease belongs to another connection", {}});
    return Closed{};  // it is over, or never was
  }
  leases_.erase(own);
  // Shutting is always safe: it waits for neither budget nor log.
  if (auto closed = powers_.leases.close(request.lease); !closed)
    return refuse(what, {RefusalReason::host, 0, closed.error().message, {}});
  (void)log(what, Outcome::done);
  return Closed{};
}

Answer Session::handle(const Install& request, const Wait& wait) {
  return perform("install", request.entry, powers_.policy.install(request.entry),
                 [&](const InstallEntry&) { return powers_.installer.install(request, wait); });
}

Answer Session::handle(const Stage& request, const Wait& wait) {
  has_staged_ = true;
  return handle(static_cast<const Install&>(request), wait);
}

Answer Session::handle(const Restart& request, const Wait& wait) {
  return perform("service", request.entry, powers_.policy.service(request.entry),
                 [&](const ServiceEntry& entry) {
                   std::vector<LoadedPair> live;
                   for (const auto& pair : powers_.installer.status())
                     if (pair.state == PairState::whole && std::ranges::count(pair.services, entry.name) > 0)
                       live.push_back({pair.entry, pair.fingerprint});
                   auto outcome = powers_.services.restart(entry, std::move(live), wait);
                   auto* refused = std::get_if<Refused>(&outcome);
                   if (!refused || refused->reason == RefusalReason::command)
                     powers_.installer.keep_staged(entry.name);
                   else if (const auto undone = powers_.installer.undo_staged(entry.name); !undone.empty())
                     refused->sentence += "; undone:" + undone;
                   return outcome;
                 });
}

Answer Session::handle(const Status& request, const Wait&) {
  const auto& only = request.installs;
  const auto is_meant = [&](auto& name) { return only.empty() || std::ranges::count(only, name) > 0; };
  StatusAnswer answer{
      powers_.installer.status(is_meant), powers_.services.status(), powers_.leases.status(), {}, {}};
  for (auto& service : answer.services)
    std::erase_if(service.loaded, [&](const LoadedPair& pair) { return !is_meant(pair.install); });
  const auto add_budgets = [&](std::string_view kind, const auto& entries) {
    for (const auto& entry : entries)
      if (auto heading = fmt::format("{} {}", kind, entry.name);
          entry.per_day && (kind != "install" || is_meant(entry.name)))
        answer.budgets.push_back({heading, powers_.usage.left(heading, *entry.per_day)});
  };
  add_budgets("open", powers_.policy.openings);
  add_budgets("install", powers_.policy.installs);
  add_budgets("service", powers_.policy.services);
  for (const auto& entry : powers_.policy.openings)
    answer.openings.push_back({entry.name, entry.port, entry.to_port, entry.to_loopback, entry.at_most});
  return answer;
}

Refused Session::refuse(const std::string& what, Refused refusal) {
  (void)powers_.audit.write({what, Outcome::refused, peer_, refusal.reason, refusal.line, refusal.sentence});
  return refusal;
}

Result<void> Session::log(const std::string& what, Outcome outcome, unsigned line, std::string detail) {
  return powers_.audit.write({what, outcome, peer_, {}, line, std::move(detail)});
}

void Session::hang_up() { end(Outcome::ended, ""); }

void Session::end_by(const Error& error) {
  if (error.kind == Error::Kind::closed) return hang_up();
  end(Outcome::violation, error.message);
}

void Session::end(Outcome outcome, std::string_view why) {
  if (is_over_) return;
  is_over_ = true;
  std::string detail(why);
  for (const auto lease : std::exchange(leases_, {})) {
    const auto closed = powers_.leases.close(lease);
    detail += fmt::format("{}lease {} was open: {}", detail.empty() ? "" : "; ", lease,
                          closed ? "shut" : closed.error().message);
  }
  if (has_staged_)
    if (const auto undone = powers_.installer.undo_staged(""); !undone.empty())
      detail += (detail.empty() ? "undone:" : "; undone:") + undone;
  (void)log("connection", outcome, 0, detail);
}

void Session::check_time() {
  if (!leases_.empty()) {
    const auto open = powers_.leases.status();
    std::erase_if(leases_, [&](std::uint64_t lease) {
      return std::ranges::find(open, lease, &LeaseStatus::lease) == open.end();
    });
    if (leases_.empty()) last_heard_ = in({});
  }
  if (const auto until = deadline(); !until || *until > in({})) return;
  channel_.frame_began() ? end(Outcome::violation, "a frame did not arrive whole in time")
                         : end(Outcome::ended, "nothing was asked for too long");
}

std::optional<Deadline> Session::deadline() const {
  if (const auto began = channel_.frame_began()) return *began + limits_.frame;
  if (!leases_.empty()) return std::nullopt;
  return last_heard_ + limits_.quiet;
}

}  // namespace certlatch
