// SPDX-License-Identifier: MIT
#include "worker/run/door.h"

#include <fmt/format.h>

#include <algorithm>

#include "worker/check/self_check.h"

namespace certlatch {
namespace {
constexpr std::chrono::seconds kResponderDeadline{10};
}  // namespace

template <class Wanted>
Result<Wanted> Door::ask_responder(const ResponderOrder& order) {
  auto answer = responder_->ask<ResponderAnswer>(order, in(kResponderDeadline));
  if (!answer) return fail(answer.error());
  if (auto* failed = std::get_if<ResponderFailed>(&*answer)) return fail(Error::conflict(failed->sentence));
  if (auto* wanted = std::get_if<Wanted>(&*answer)) return *wanted;
  return fail(Error::invalid("the responder process: an answer to another order"));
}

Result<void> Door::start_responder() {
  // The port that is taken for the first certificate is taken for the next.
  if (responder_trouble_) return fail(*responder_trouble_);
  Listen listen;
  for (const OpeningStatus& opening : openings_) {
    const auto same = [&](const ListenAt& place) {
      return place.port == opening.to_port && place.loopback_only == opening.to_loopback;
    };
    if (std::ranges::none_of(listen.places, same))
      listen.places.push_back({opening.to_port, opening.to_loopback, for_tls_.contains(opening.entry)});
  }
  auto started = peers_.start_responder();
  if (!started) return fail(responder_trouble_.emplace(started.error()));
  responder_.emplace(std::move(*started));
  if (auto listening = ask_responder<Listening>(listen); !listening) {
    responder_.reset();
    return fail(responder_trouble_.emplace(listening.error()));
  }
  for (const ListenAt& place : listen.places)
    report_.detail(
        fmt::format("responder: listens on {}:{}", place.loopback_only ? "127.0.0.1" : "[::]", place.port));
  return {};
}

Result<void> Door::expect(const OpeningStatus& opening, const std::string& token,
                          const std::string& key_authorization, const std::string& tls_name) {
  if (!responder_) {
    if (auto started = start_responder(); !started) return started;
  }
  if (auto ready = ask_responder<TokenAnswered>(AnswerToken{token, key_authorization, tls_name}); !ready)
    return fail(ready.error());
  return check(opening, token, key_authorization, tls_name);
}

Result<void> Door::check(const OpeningStatus& opening, const std::string& token,
                         const std::string& key_authorization, const std::string& tls_name) {
  const ListenAt place{opening.to_port, opening.to_loopback, !tls_name.empty()};
  if (place.is_tls && !verify_) {
    auto started = peers_.start_verify();
    if (!started) return {};
    verify_.emplace(std::move(*started));
  }
  const auto checked = place.is_tls ? look_by_tls(*verify_, place, tls_name, key_authorization)
                                    : look_by_http(place, token, key_authorization);
  if (!checked) return fail(checked.error());
  served_[opening.entry] = checked->served;
  own_requests_[token] = checked->requests;
  own_connections_ += checked->requests;
  return {};
}

Families Door::served(const std::string& entry) const {
  const auto found = served_.find(entry);
  return found == served_.end() ? Families{} : found->second;
}

std::optional<TokenForgotten> Door::forget(const std::string& token) {
  if (!responder_) return std::nullopt;
  auto forgotten = ask_responder<TokenForgotten>(ForgetToken{token});
  if (!forgotten) return std::nullopt;
  forgotten->requests -= std::min(forgotten->requests, own_requests_[token]);
  forgotten->connections -= std::min(forgotten->connections, own_connections_);
  return *forgotten;
}

Result<void> Door::open(const std::string& entry) {
  const auto now = std::chrono::steady_clock::now();
  if (const auto held = leases_.find(entry); held != leases_.end()) {
    if (now < held->second.end) return {};
    leases_.erase(held);
  }
  auto opened = broker_.open(entry);
  if (!opened) return fail(opened.error());
  leases_[entry] = {opened->lease, now + std::chrono::seconds(opened->seconds)};
  return {};
}

Result<void> Door::close(const std::string& entry) {
  const auto held = leases_.find(entry);
  if (held == leases_.end()) return {};
  const std::uint64_t id = held->second.id;
  leases_.erase(held);
  return broker_.close(id);
}

Result<void> Door::close_all() {
  Result<void> outcome;
  while (!leases_.empty()) {
    if (auto closed = close(std::string(leases_.begin()->first)); !closed) outcome = closed;
  }
  return outcome;
}

}  // namespace certlatch
