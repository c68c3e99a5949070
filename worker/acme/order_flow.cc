// SPDX-License-Identifier: MIT
#include "worker/acme/order_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "worker/acme/chain_text.h"
#include "worker/acme/identifier.h"
#include "worker/acme/issued_chain.h"
#include "worker/acme/link.h"
#include "worker/acme/order_failures.h"
#include "worker/acme/printable.h"
#include "worker/acme/url.h"
#include "worker/keeper/base64url.h"

namespace certlatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kFirstPause{20};  // beyond what the CA's distance and its load make of it
constexpr milliseconds kLongestFirstPause{500};
constexpr milliseconds kLongestPause{5'000};
constexpr seconds kLongestRetryAfter{30};           // that is waited for within a run
constexpr std::chrono::hours kLongestWish{7 * 24};  // that a later run respects
constexpr std::size_t kMaxAlternates = 10;

bool is_success(const HttpResponse& response) { return response.status >= 200 && response.status < 300; }

}  // namespace

OrderFlow::OrderFlow(const PlaceOrder& order, const CaTerms& terms)
    : id_(order.id),
      names_(canonical_names(order.names)),
      new_order_url_(terms.new_order),
      origin_(origin_of(new_order_url_)),
      challenge_(text_of(order.challenge)),
      preferred_chain_(terms.preferred_chain),
      new_order_(order, terms, names_) {
  slots_.resize(1);
  is_resumed_ = check_url(order.order_url, "", origin_).has_value();
  slots_[0].url = is_resumed_ ? order.order_url : "";
  slots_[0].step = Step::resume;
  if (!is_resumed_) create();
}

void OrderFlow::validate(Deadline now) {
  if (phase_ != Phase::placed) return fail_order(Error::invalid("there is nothing to be validated now"));
  phase_ = Phase::validating;
  phase_ends_ = now + kPatience;
  for (auto& slot : std::span(slots_).subspan(1)) {
    if (slot.object.status != AuthorizationStatus::pending) continue;
    slot.step = slot.object.chosen()->status == ChallengeStatus::pending ? Step::trigger : Step::poll;
  }
  authorizations_decided();
}

void OrderFlow::finalize(const std::string& csr, Deadline now) {
  if (phase_ != Phase::placed && phase_ != Phase::validated)
    return fail_order(Error::invalid("the order is not ready to be finalized"));
  phase_ = Phase::finalizing;
  phase_ends_ = now + kPatience;
  csr_ = csr;
  slots_.resize(1);
  // An order that an earlier run has submitted already goes on from where it is.
  is_accepted_ = order_.status == OrderStatus::processing || order_.status == OrderStatus::valid;
  slots_[0].step = order_.status == OrderStatus::valid ? Step::download
                   : is_accepted_                      ? Step::watch
                                                       : Step::submit;
}

std::vector<OrderFlow::Wanted> OrderFlow::wanted(Deadline now) {
  std::vector<Wanted> all;
  if (phase_ == Phase::over) return all;
  if (now >= phase_ends_) {
    std::vector<std::string> undecided;
    for (const auto& slot : std::span(slots_).subspan(1))
      if (slot.step != Step::none) undecided.push_back(name_of(slot));
    auto failure = failure_that_may_pass(
        undecided.empty()
            ? fmt::format("the CA has not issued the certificate within {} seconds", kPatience.count())
            : fmt::format("the CA has not decided within {} seconds on {}", kPatience.count(),
                          listed(undecided)));
    for (const auto& slot : slots_) {
      if (slot.step == Step::none || slot.asked_for <= now) continue;
      const auto left = std::chrono::ceil<seconds>(slot.asked_for - now).count();
      failure.retry_after = std::max(failure.retry_after, static_cast<std::uint32_t>(left));
    }
    fail_order(std::move(failure));
    return all;
  }
  for (auto& slot : slots_) {
    if (slot.step == Step::none || slot.ticket != 0 || slot.not_before > now) continue;
    slot.ticket = ++last_ticket_;
    all.push_back({slot.ticket, request_for(slot)});
  }
  return all;
}

std::optional<Deadline> OrderFlow::wake() const {
  if (phase_ == Phase::over || phase_ == Phase::placed || phase_ == Phase::validated) return std::nullopt;
  Deadline first = phase_ends_;
  for (const auto& slot : slots_)
    if (slot.step != Step::none && slot.ticket == 0) first = std::min(first, slot.not_before);
  return first;
}

Progress OrderFlow::doing(Deadline now) const {
  std::vector<std::string> names;
  Deadline pause = now;
  Step step = Step::none;
  for (const auto& slot : slots_) {
    if (slot.step == Step::none) continue;
    step = slot.step;
    names.push_back(name_of(slot));
    pause = std::max(pause, slot.not_before);
  }
  const auto left = [&](Deadline until) {
    return static_cast<std::uint32_t>(std::chrono::ceil<seconds>(until - now).count());
  };
  Progress progress{.id = id_};
  switch (step) {
    case Step::none:
      return progress;
    case Step::resume:
      return progress.what = "looks up the order of an earlier run", progress;
    case Step::create:
      return progress.what = "places an order", progress;
    case Step::fetch:
      return progress.what = "reads what is to be proved", progress;
    case Step::submit:
      return progress.what = "sends the request to be signed", progress;
    case Step::download:
    case Step::alternate:
      return progress.what = "downloads the certificate", progress;
    case Step::trigger:
    case Step::poll:
      progress.what = "waits for the CA's decision on " + listed(names);
      break;
    case Step::watch:
      progress.what = "waits for the CA to issue it";
      break;
  }
  // A pause that the CA has asked for, or a decision that does not come.
  const bool is_paused = pause - now > kLongestPause;
  progress.is_wait = is_paused || phase_ends_ - now < kPatience - 2 * kLongestPause;
  if (is_paused) progress.what += ", which it asks to be asked for later";
  progress.seconds = left(is_paused ? pause : phase_ends_);
  return progress;
}

std::optional<AcmeAnswer> OrderFlow::take_event() { return std::exchange(event_, std::nullopt); }

std::string OrderFlow::name_of(const Slot& slot) const {
  return slot.object.name.empty() ? listed(names_) : slot.object.name;
}

CaRequest OrderFlow::request_for(const Slot& slot) const {
  switch (slot.step) {
    case Step::none:
      break;
    case Step::resume:
      return {"the order of an earlier run", slot.url, "", ""};
    case Step::create:
      return {"newOrder", new_order_url_, new_order_.payload(), ""};
    case Step::submit:
      return {"finalize", order_.finalize, Json{{"csr", base64url(csr_)}}.dump(), ""};
    case Step::watch:
      return {"the order", slot.url, "", ""};
    case Step::download:
      return {"the certificate", order_.certificate, "", "application/pem-certificate-chain"};
    case Step::alternate:
      return {"an alternate chain", alternates_.back(), "", "application/pem-certificate-chain"};
    case Step::trigger:
      return {"the challenge for " + slot.object.name, slot.object.chosen()->url, "{}", ""};
    case Step::fetch:
    case Step::poll:
      return {"the authorization for " + name_of(slot), slot.url, "", ""};
  }
  return {};
}

void OrderFlow::answer(std::uint64_t ticket, CaOutcome outcome, Deadline now) {
  // Nobody waits for the answers of an order that has been given up in the meantime.
  const auto slot = std::ranges::find(slots_, ticket, &Slot::ticket);
  if (phase_ == Phase::over || ticket == 0 || slot == slots_.end()) return;
  slot->ticket = 0;
  const Step step = std::exchange(slot->step, Step::none);
  if (!outcome) return fail_order(std::move(outcome.error()));
  if (slot == slots_.begin())
    order_answered(step, *outcome, now);
  else
    authorization_answered(*slot, step, *outcome, now);
}

namespace {

/// Before a CA is asked again, so that as few questions as possible come too early. A CA that is slow to
/// answer is slow to decide; and before it can decide on a challenge it has to connect and to ask, over the
/// same distance.
milliseconds first_pause(bool has_to_look, const HttpResponse& response) {
  const milliseconds load = response.took - response.least;
  return kFirstPause + std::min(has_to_look ? load + response.least : load, kLongestFirstPause);
}

}  // namespace

void OrderFlow::repeat(Slot& slot, Step step, const HttpResponse& response, Deadline now) {
  slot.pause = slot.pause.count() == 0 ? first_pause(step == Step::poll, response)
                                       : std::min(slot.pause * 5 / 2, kLongestPause);
  const seconds asked = std::min<seconds>(response.retry_after.value_or(seconds(0)), kLongestWish);
  slot.step = step;
  slot.asked_for = now + asked;
  slot.not_before = now + std::max<milliseconds>(slot.pause, std::min(asked, kLongestRetryAfter));
}

// ---- the order itself

void OrderFlow::create() {
  is_resumed_ = false;
  slots_.clear();
  slots_.resize(1);
  slots_[0].step = Step::create;
  if (!new_order_.fault().empty()) fail_order(failure_with(new_order_.fault(), {}));
}

void OrderFlow::order_answered(Step step, const HttpResponse& response, Deadline now) {
  if (step == Step::resume || step == Step::create) return order_placed(step, response);
  if (step == Step::download) return downloaded(response, now);
  if (step == Step::alternate) return alternate_downloaded(response, now);
  if (!is_success(response)) {
    // Repeated after a broken connection, or the CA is slower with the order than with its authorizations.
    if (step == Step::submit && problem_of(response).is("orderNotReady"))
      return repeat(slots_[0], Step::watch, response, now);
    return fail_order(failure_of(step == Step::submit ? "finalize" : "the order", response));
  }
  const std::string_view what = step == Step::submit ? "finalize" : "the order";
  auto order = read_order(response.body, what, origin_);
  if (!order) return fail_order(order.error());
  if (step == Step::submit) is_accepted_ = true;
  follow(*order, response, now);
}

void OrderFlow::order_placed(Step step, const HttpResponse& response) {
  const std::string_view what = step == Step::create ? "newOrder" : "the order of an earlier run";
  if (!is_success(response)) {
    auto failure = failure_of(what, response);
    if (step == Step::resume) return failure.order_is_lost ? create() : fail_order(std::move(failure));
    const auto problem = problem_of(response);
    if (new_order_.give_way_to(problem, response.status)) return create();
    if (problem.is("invalidProfile"))
      failure.sentence += ": the profile of the configuration is none that the account may use";
    return fail_order(std::move(failure));
  }
  auto order = read_order(response.body, what, origin_);
  auto sorted = [](std::vector<std::string> names) {
    std::ranges::sort(names);
    return names;
  };
  const bool is_ours = order && sorted(order->names) == sorted(names_);
  if (step == Step::resume && (!is_ours || order->status == OrderStatus::invalid)) {
    // Of other names than are wanted now: it stays behind.
    if (order && order->status == OrderStatus::pending)
      for (auto& url : order->authorizations) abandoned_.push_back({std::move(url), false});
    return create();
  }
  if (!order) return fail_order(order.error());
  if (!is_ours)
    return fail_order(Error::invalid(
        fmt::format("the CA's order is for other names than were asked for: {}", listed(order->names))));
  if (step == Step::create) {
    if (auto good = check_url(response.location, "the CA's order URL", origin_); !good)
      return fail_order(good.error());
    slots_[0].url = response.location;
  }
  order_ = std::move(*order);
  if (order_.status == OrderStatus::invalid)
    return fail_order(failure_with("newOrder: the CA's order is invalid from the start", order_.error));
  if (order_.status != OrderStatus::pending)
    return end_phase(Phase::placed, OrderReady{id_, slots_[0].url, {}});
  for (const auto& url : order_.authorizations) {
    auto& slot = slots_.emplace_back();
    slot.url = url;
    slot.step = Step::fetch;
  }
  authorizations_fetched();
}

void OrderFlow::follow(const OrderObject& order, const HttpResponse& response, Deadline now) {
  order_ = order;
  switch (order.status) {
    case OrderStatus::ready:
      if (is_accepted_) return repeat(slots_[0], Step::watch, response, now);
      return repeat(slots_[0], Step::submit, response, now);
    case OrderStatus::pending:
    case OrderStatus::processing:
      return repeat(slots_[0], Step::watch, response, now);
    case OrderStatus::valid:
      slots_[0].step = Step::download;
      slots_[0].not_before = now;
      return;
    case OrderStatus::invalid:
      return fail_order(failure_with("the CA has given the order up", order.error));
  }
}

Result<Issued> OrderFlow::read_chain(const HttpResponse& response, std::string& root_name) const {
  auto chain = chain_text(response.body);
  if (!chain) return fail(chain.error());
  const auto issued = check_chain(*chain, csr_, names_);
  if (!issued) return fail(issued.error());
  root_name = issued->root_name;
  return Issued{id_, std::move(*chain), issued->not_before, issued->not_after, issued->renewal_id, ""};
}

void OrderFlow::downloaded(const HttpResponse& response, Deadline now) {
  if (!is_success(response)) return fail_order(failure_of("the certificate", response));
  std::string root_name;
  auto issued = read_chain(response, root_name);
  if (!issued) return fail_order(issued.error());
  if (!preferred_chain_.empty() && root_name != preferred_chain_)
    for (auto& url : links_to("alternate", response.links, response.url))
      if (alternates_.size() < kMaxAlternates && check_url(url, "", origin_))
        alternates_.push_back(std::move(url));
  std::ranges::reverse(alternates_);  // the last one is the next
  issued_ = std::move(*issued);
  if (preferred_chain_.empty() || root_name == preferred_chain_)
    return end_phase(Phase::over, std::move(issued_));
  roots_ = {std::move(root_name)};
  next_alternate(now);
}

void OrderFlow::next_alternate(Deadline now) {
  if (alternates_.empty()) {
    issued_.remark = printable(
        fmt::format("the CA has no chain to `{}`, which `chain` asks for; its default was taken; it has {}",
                    preferred_chain_, listed(roots_)),
        kMaxProblemTextBytes);
    return end_phase(Phase::over, std::move(issued_));
  }
  slots_[0].step = Step::alternate;
  slots_[0].not_before = now;
}

/// A chain that cannot be had or is none leaves the next one, and in the end the CA's default.
void OrderFlow::alternate_downloaded(const HttpResponse& response, Deadline now) {
  std::string root_name;
  auto issued = is_success(response) ? read_chain(response, root_name) : fail(Error::invalid(""));
  if (issued && root_name == preferred_chain_) return end_phase(Phase::over, std::move(*issued));
  if (issued && !std::ranges::count(roots_, root_name)) roots_.push_back(std::move(root_name));
  alternates_.pop_back();
  next_alternate(now);
}

// ---- its authorizations

void OrderFlow::authorization_answered(Slot& slot, Step step, const HttpResponse& response, Deadline now) {
  if (step == Step::trigger) {
    if (is_success(response)) return repeat(slot, Step::poll, response, now);
    // The authorization may have been decided in the meantime: it has the last word.
    slot.refusal = failure_of("the challenge for " + slot.object.name, response);
    slot.step = Step::poll;
    return;
  }
  const std::string what = "the authorization for " + name_of(slot);
  if (!is_success(response)) {
    auto failure = failure_of(what, response);
    if (is_resumed_ && step == Step::fetch && failure.order_is_lost) return create();
    return fail_order(std::move(failure));
  }
  auto object = read_authorization(response.body, what, origin_, challenge_);
  if (!object) return fail_order(object.error());
  if (step == Step::fetch && !std::ranges::count(names_, object->name))
    return fail_order(Error::invalid(
        fmt::format("the CA wants an authorization for {}, which the order does not name", object->name)));
  if (step == Step::poll && object->name != slot.object.name)
    return fail_order(Error::invalid(
        fmt::format("the CA's authorization for {} has become one for {}", slot.object.name, object->name)));
  slot.object = std::move(*object);
  if (step == Step::fetch) return authorizations_fetched();
  if (slot.object.status == AuthorizationStatus::pending) {
    if (!slot.refusal) return repeat(slot, Step::poll, response, now);
    slot.failure = std::move(slot.refusal);
  } else if (slot.object.status != AuthorizationStatus::valid) {
    slot.failure = lost(slot.object);
  }
  authorizations_decided();
}

void OrderFlow::authorizations_fetched() {
  const auto authorizations = std::span(slots_).subspan(1);
  if (std::ranges::any_of(authorizations, [](const Slot& slot) { return slot.step != Step::none; })) return;
  OrderReady ready{id_, slots_[0].url, {}};
  std::vector<std::pair<std::string, OrderFailed>> failures;
  for (const auto& slot : authorizations) {
    if (slot.object.status == AuthorizationStatus::valid) continue;
    const auto* challenge = slot.object.chosen();
    if (slot.object.status != AuthorizationStatus::pending) {
      failures.emplace_back(slot.object.name, lost(slot.object));
    } else if (challenge == nullptr) {
      failures.emplace_back(slot.object.name, nothing_offered(slot.object));
    } else {
      ready.challenges.push_back({slot.object.name, challenge->token});
    }
  }
  if (failures.empty()) return end_phase(Phase::placed, std::move(ready));
  if (is_resumed_) return create();
  fail_order(together(failures));
}

void OrderFlow::authorizations_decided() {
  std::vector<std::pair<std::string, OrderFailed>> failures;
  for (const auto& slot : std::span(slots_).subspan(1)) {
    if (slot.step != Step::none) return;
    if (slot.failure) failures.emplace_back(slot.object.name, *slot.failure);
  }
  if (!failures.empty()) return fail_order(together(failures));
  // What was seen of it is out of date now: it goes by being ready.
  if (order_.status == OrderStatus::pending) order_.status = OrderStatus::ready;
  end_phase(Phase::validated, Validated{id_});
}

// ---- ends

void OrderFlow::end_phase(Phase next, AcmeAnswer event) {
  phase_ = next;
  phase_ends_ = Deadline::max();
  event_ = std::move(event);
}

void OrderFlow::fail_order(OrderFailed failure) {
  failure.id = id_;
  for (const auto& slot : slots_)
    if (failure.order_is_lost && slot.object.status == AuthorizationStatus::pending &&
        !slot.object.name.empty())
      abandoned_.push_back({slot.url, true});
  end_phase(Phase::over, std::move(failure));
}

void OrderFlow::fail_order(const Error& error) { fail_order(failure_with(error.message, {})); }

}  // namespace certlatch
