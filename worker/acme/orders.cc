// SPDX-License-Identifier: MIT
#include "worker/acme/orders.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "worker/acme/identifier.h"
#include "worker/acme/printable.h"
#include "worker/acme/problem.h"
#include "worker/acme/request_check.h"

namespace certlatch {

using std::chrono::steady_clock;

void Orders::take(const PlaceOrder& order) {
  Session* session = sessions_.find(order.ca);
  if (session == nullptr) return refuse(order.id, fmt::format("no section [ca {}] is known here", order.ca));
  if (entries_.contains(order.id)) return refuse(order.id, "an order of that number is under way already");
  if (!order.csr.empty())
    if (auto good = check_request(order.csr, canonical_names(order.names)); !good)
      return refuse(order.id, good.error().message);
  const std::uint64_t serial = ++last_serial_;
  entries_[order.id] = {serial, session, nullptr, {}};
  say_progress(entries_[order.id], {.id = order.id, .what = "looks for the CA and the account"});
  session->when_ready(Session::Need::account, [this, order, serial](std::expected<void, OrderFailed> ready) {
    auto* entry = find(order.id, serial);
    if (entry == nullptr) return;
    if (ready) {
      entry->flow = std::make_unique<OrderFlow>(order, entry->session->terms());
      return move_on(order.id);
    }
    entries_.erase(order.id);
    auto failure = std::move(ready.error());
    failure.id = order.id;
    say_(failure);
  });
}

void Orders::take(const Validate& order) {
  auto* flow = flow_of(order.id);
  if (flow == nullptr) return refuse(order.id, "there is no such order to be validated");
  flow->validate(steady_clock::now());
  move_on(order.id);
}

void Orders::take(const Finalize& order) {
  auto* flow = flow_of(order.id);
  if (flow == nullptr) return refuse(order.id, "there is no such order to be finalized");
  flow->finalize(order.csr, steady_clock::now());
  move_on(order.id);
}

void Orders::say_progress(Entry& entry, Progress progress) {
  const bool is_known = entry.said.what == progress.what && entry.said.is_wait == progress.is_wait;
  if (is_known || progress.what.empty()) return;
  progress.what = printable(progress.what, 300);
  entry.said = progress;
  say_(progress);
}

void Orders::refuse(std::uint32_t id, std::string sentence) {
  auto failure = failure_with(std::move(sentence), {});
  failure.id = id;
  say_(failure);
}

Orders::Entry* Orders::find(std::uint32_t id, std::uint64_t serial) {
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.serial == serial ? &found->second : nullptr;
}

OrderFlow* Orders::flow_of(std::uint32_t id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second.flow.get();
}

void Orders::move_on(std::uint32_t id) {
  auto* flow = flow_of(id);
  if (flow == nullptr) return;
  auto wanted = flow->wanted(steady_clock::now());
  for (auto& authorization : flow->take_abandoned())
    abandoned_.end(*entries_.at(id).session, std::move(authorization));
  if (auto event = flow->take_event()) {
    if (std::holds_alternative<Issued>(*event) || std::holds_alternative<OrderFailed>(*event))
      entries_.erase(id);
    return say_(*event);
  }
  // A session may answer from within post(), and the order be gone before the loop is over.
  Entry& entry = entries_.at(id);
  say_progress(entry, flow->doing(steady_clock::now()));
  Session& session = *entry.session;
  const std::uint64_t serial = entry.serial;
  for (auto& [ticket, request] : wanted)
    session.post(std::move(request), [this, id, serial, ticket](CaOutcome outcome) {
      auto* waiting = find(id, serial);
      if (waiting == nullptr || !waiting->flow) return;
      waiting->flow->answer(ticket, std::move(outcome), steady_clock::now());
      move_on(id);
    });
}

void Orders::run(Deadline now) {
  std::vector<std::uint32_t> due;
  for (const auto& [id, entry] : entries_)
    if (entry.flow && entry.flow->wake().value_or(Deadline::max()) <= now) due.push_back(id);
  for (const auto id : due) move_on(id);
}

std::optional<Deadline> Orders::wake() const {
  auto first = Deadline::max();
  for (const auto& [id, entry] : entries_)
    if (entry.flow) first = std::min(first, entry.flow->wake().value_or(first));
  return first == Deadline::max() ? std::nullopt : std::optional(first);
}

}  // namespace certlatch
