// SPDX-License-Identifier: MIT
#include "worker/acme/session.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "worker/acme/json.h"
#include "worker/acme/printable.h"
#include "worker/acme/problem.h"
#include "worker/acme/url.h"

namespace certlatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Pebble can be told to refuse nine good nonces of ten; a real CA refuses one now and then.
constexpr int kMaxBadNonces = 100;
constexpr int kBadNoncesWithoutPause = 10;
constexpr milliseconds kPauseAfterBadNonce{20};
constexpr int kMaxFaults = 4;
constexpr milliseconds kFirstPauseAfterFault{250};        // doubled each time
constexpr seconds kMaxRetryAfter{60};                     // for one request, all its waits together
constexpr std::chrono::hours kLongestRetryAfter{7 * 24};  // that is believed
constexpr seconds kStartFailureIsRemembered{60};
constexpr std::size_t kMaxNonces = 64;
constexpr std::size_t kMaxNonceBytes = 256;

Json mail_urls(const std::vector<std::string>& addresses) {
  Json list = Json::array();
  for (const auto& address : addresses) list.push_back("mailto:" + address);
  return list;
}

std::string text_of(const Json& payload) {
  return payload.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string until(seconds from_now) {
  const auto then = std::chrono::system_clock::now() + from_now;
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::chrono::system_clock::to_time_t(then)));
}

}  // namespace

struct Session::Pending {
  bool is_plain = false;  // a GET
  CaRequest request;
  Done done;
  std::string kid;  // that it was last signed with
  bool account_was_lost = false;
  int bad_nonces = 0;
  int faults = 0;
  seconds waited{0};
  Deadline not_before{};
};

Session::Session(CaSettings settings, HttpClient& http, Signer& signer, OnAccount on_account, OnWait on_wait)
    : settings_(std::move(settings)),
      http_(http),
      signer_(signer),
      on_account_(std::move(on_account)),
      on_wait_(std::move(on_wait)),
      route_{settings_.name, settings_.roots, settings_.proxy},
      account_url_(settings_.account_url) {}

Session::~Session() = default;

// ---- start: the directory, the account

void Session::when_ready(Need need, Ready ready) {
  const bool has_directory = state_ != State::idle && state_ != State::fetching;
  if (state_ == State::ready || (need != Need::account && has_directory)) return ready({});
  const bool is_starting = state_ == State::fetching || state_ == State::finding;
  if (!is_starting && start_failure_ && steady_clock::now() < start_failed_at_ + kStartFailureIsRemembered)
    return ready(std::unexpected(*start_failure_));
  waiting_for_start_.push_back({need, std::move(ready)});
  if (is_starting) return;
  state_ == State::idle ? fetch_directory() : need_account();
}

void Session::start_failed(State state, OrderFailed failure) {
  state_ = state;
  start_failure_ = std::move(failure);
  start_failed_at_ = steady_clock::now();
  const auto told = *start_failure_;
  for (auto& waiting : std::exchange(waiting_for_start_, {})) waiting.ready(std::unexpected(told));
}

void Session::fetch_directory() {
  const std::string what = fmt::format("the directory of section [ca {}]", settings_.name);
  if (auto good = check_url(settings_.directory, what); !good)
    return start_failed(State::idle, failure_with(good.error().message, {}));
  origin_ = origin_of(settings_.directory);
  state_ = State::fetching;
  const bool waits = std::ranges::any_of(
      waiting_for_start_, [](const Waiting& waiting) { return waiting.need != Need::directory_at_once; });
  CaRequest request{.what = "the directory", .url = settings_.directory, .waits = waits};
  get(std::move(request), [this, waits](CaOutcome outcome) {
    if (!outcome && !waits) return directory_is_not_there_at_once(outcome.error());
    if (!outcome) return start_failed(State::idle, std::move(outcome.error()));
    directory_answered(*outcome);
  });
}

void Session::directory_is_not_there_at_once(const OrderFailed& failure) {
  state_ = State::idle;
  std::vector<Ready> in_vain;
  std::erase_if(waiting_for_start_, [&](Waiting& waiting) {
    if (waiting.need != Need::directory_at_once) return false;
    in_vain.push_back(std::move(waiting.ready));
    return true;
  });
  if (!waiting_for_start_.empty()) fetch_directory();
  for (auto& ready : in_vain) ready(std::unexpected(failure));
}

void Session::directory_answered(const HttpResponse& response) {
  if (response.status != 200) return start_failed(State::idle, failure_of("the directory", response));
  auto directory = read_directory(response.body, origin_);
  if (!directory) return start_failed(State::idle, failure_with(directory.error().message, {}));
  directory_ = std::move(*directory);
  directory_.date = response.date;
  state_ = State::known;
  std::vector<Ready> content;
  std::erase_if(waiting_for_start_, [&](Waiting& waiting) {
    if (waiting.need == Need::account) return false;
    content.push_back(std::move(waiting.ready));
    return true;
  });
  if (!waiting_for_start_.empty()) need_account();
  for (auto& ready : content) ready({});
}

void Session::need_account() {
  if (!account_url_.empty()) return account_known();
  state_ = State::finding;
  if (!settings_.makes_account) return find_account("");
  const auto refuse = [this](std::string sentence) {
    start_failed(State::known, failure_with(std::move(sentence), {}));
  };
  if (!directory_.terms.empty() && !settings_.agree)
    return refuse(
        fmt::format("the CA wants its terms of service to be agreed to: read {} and write agree = yes "
                    "in section [ca {}]",
                    directory_.terms, settings_.name));
  if (settings_.eab_kid.empty()) {
    if (directory_.wants_eab)
      return refuse(
          fmt::format("the CA of section [ca {}] makes accounts only for customers it knows (external "
                      "account binding): write what it gave you as `eab kid` and `eab key file`",
                      settings_.name));
    return find_account("");
  }
  signer_.sign(BindAccount{settings_.name, directory_.new_account, settings_.eab_kid},
               [this, refuse](Result<std::string> binding) {
                 if (!binding) return refuse("external account binding: " + binding.error().message);
                 find_account(*binding);
               });
}

void Session::find_account(const std::string& binding) {
  // The CA answers with the account that this key has already, or makes one.
  Json payload = Json::object();
  if (!settings_.makes_account) payload["onlyReturnExisting"] = true;
  if (settings_.makes_account && settings_.agree) payload["termsOfServiceAgreed"] = true;
  if (settings_.makes_account && !settings_.contact.empty())
    payload["contact"] = mail_urls(settings_.contact);
  if (!binding.empty()) payload["externalAccountBinding"] = Json::parse(binding);
  CaRequest request{"newAccount", directory_.new_account, text_of(payload), "", Signature::account_key};
  post(std::move(request), [this](CaOutcome outcome) {
    if (!outcome) return start_failed(State::known, std::move(outcome.error()));
    account_answered(*outcome);
  });
}

void Session::account_answered(const HttpResponse& response) {
  constexpr std::string_view kWhat = "newAccount";
  const auto refuse = [this](OrderFailed failure) { start_failed(State::known, std::move(failure)); };
  if (!settings_.makes_account && problem_of(response).is("accountDoesNotExist"))
    return refuse(failure_with(
        fmt::format("the CA of section [ca {}] knows no account of this key", settings_.name), {}));
  if (response.status != 200 && response.status != 201) return refuse(failure_of(kWhat, response));
  const auto json = parse_object(response.body, kWhat);
  const auto status = json ? optional_text_in(*json, "status", kWhat) : fail(json.error());
  if (!status) return refuse(failure_with(status.error().message, {}));
  if (!status->empty() && *status != "valid")
    return refuse(failure_with(
        fmt::format("the account at the CA of section [ca {}] is {}", settings_.name, printable(*status, 40)),
        {}));
  if (auto good = check_url(response.location, "the CA's account URL", origin_); !good)
    return refuse(failure_with(good.error().message, {}));
  account_url_ = response.location;
  account_known();
}

void Session::account_known() {
  state_ = State::ready;
  on_account_({settings_.name, account_url_});
  for (auto& waiting : std::exchange(waiting_for_start_, {})) waiting.ready({});
}

CaTerms Session::terms() const {
  return {directory_.new_order, settings_.preferred_chain, !directory_.renewal_info.empty(),
          directory_.profiles};
}

// ---- requests

void Session::post(CaRequest request, Done done) {
  auto pending = std::make_unique<Pending>();
  pending->request = std::move(request);
  pending->done = std::move(done);
  send(std::move(pending));
}

void Session::get(CaRequest request, Done done) {
  auto pending = std::make_unique<Pending>();
  pending->is_plain = true;
  pending->request = std::move(request);
  pending->done = std::move(done);
  send(std::move(pending));
}

void Session::send(PendingRequest pending) {
  if (pending->is_plain) {
    HttpRequest request{HttpMethod::get, pending->request.url, "", pending->request.accept};
    http_.start(std::move(request), route_,
                [this, pending = std::move(pending)](HttpOutcome outcome) mutable {
                  answered(std::move(pending), std::move(outcome));
                });
    return;
  }
  // Lost, and not found yet: whatever was to be sent in its name, if only again, waits for it.
  if (pending->request.signature == Signature::account && account_url_.empty())
    return when_ready(Need::account, [this, pending = std::move(pending)](Start ready) mutable {
      if (ready) return send(std::move(pending));
      pending->done(std::unexpected(std::move(ready.error())));
    });
  if (nonces_.empty()) return fetch_nonce(std::move(pending));
  std::string nonce = std::move(nonces_.back());  // the newest: nonces grow stale
  nonces_.pop_back();
  sign(std::move(pending), std::move(nonce));
}

void Session::fetch_nonce(PendingRequest pending) {
  http_.start({HttpMethod::head, directory_.new_nonce, "", ""}, route_,
              [this, pending = std::move(pending)](HttpOutcome outcome) mutable {
                const bool is_good = outcome && outcome->status >= 200 && outcome->status < 300;
                if (!is_good) return answered(std::move(pending), std::move(outcome));
                keep_nonce(outcome->nonce);
                if (!nonces_.empty()) return send(std::move(pending));
                pending->done(std::unexpected(failure_that_may_pass(
                    pending->request.what + ": the CA's answer to newNonce has no usable Replay-Nonce")));
              });
}

void Session::sign(PendingRequest pending, std::string nonce) {
  const Signature signature = pending->request.signature;
  pending->kid = signature == Signature::account ? account_url_ : "";
  const SigningKey key = signature == Signature::next_account_key  ? SigningKey::next_account
                         : signature == Signature::certificate_key ? SigningKey::certificate
                                                                   : SigningKey::account;
  const SignJws order{settings_.name, pending->request.url,     std::move(nonce),
                      pending->kid,   pending->request.payload, key};
  signer_.sign(order, [this, pending = std::move(pending)](Result<std::string> jws) mutable {
    if (!jws)
      return pending->done(std::unexpected(
          failure_that_may_pass(pending->request.what + ": no signature: " + jws.error().message)));
    HttpRequest request{HttpMethod::post, pending->request.url, std::move(*jws), pending->request.accept};
    http_.start(std::move(request), route_,
                [this, pending = std::move(pending)](HttpOutcome outcome) mutable {
                  answered(std::move(pending), std::move(outcome));
                });
  });
}

void Session::answered(PendingRequest pending, HttpOutcome outcome) {
  const std::string& what = pending->request.what;
  const bool may_try_again = pending->faults < kMaxFaults;
  const auto try_again = [&](const std::string& why) {
    const milliseconds pause = kFirstPauseAfterFault * (1 << pending->faults++);
    send_after(std::move(pending), pause, why);
  };
  if (!outcome) {
    if (outcome.error().may_pass && may_try_again) return try_again(outcome.error().sentence);
    // Of the directory nothing need be said but that the CA is not there.
    const std::string prefix = pending->request.url == settings_.directory ? "" : what + ": ";
    return pending->done(std::unexpected(failure_that_may_pass(prefix + outcome.error().sentence)));
  }
  const HttpResponse& response = *outcome;
  keep_nonce(response.nonce);
  if (response.status < 400) return pending->done(std::move(*outcome));

  const Problem problem = problem_of(response);
  if (problem.is("badNonce") && pending->bad_nonces < kMaxBadNonces) {
    const bool needs_pause = pending->bad_nonces++ >= kBadNoncesWithoutPause;
    return send_after(std::move(pending), needs_pause ? kPauseAfterBadNonce : milliseconds(0));
  }
  if (problem.is("accountDoesNotExist") && pending->kid == settings_.account_url && !pending->kid.empty() &&
      !pending->account_was_lost) {
    // The CA has forgotten the account that an earlier run had, or it was another's: find it anew, once.
    pending->account_was_lost = true;
    if (state_ == State::ready && account_url_ == pending->kid) {
      account_url_.clear();
      state_ = State::known;
    }
    return send(std::move(pending));
  }
  if ((response.status == 429 || response.status == 503) && response.retry_after) {
    const seconds pause = std::max(*response.retry_after, seconds(1));
    pending->waited += pause;
    if (pending->request.waits && pending->waited <= kMaxRetryAfter)
      return send_after(std::move(pending), pause,
                        fmt::format("the CA is busy ({}) and asks to wait", response.status));
    auto failure = failure_of(what, response);
    failure.sentence = fmt::format("{}: the CA asks to wait until {}", what, until(*response.retry_after));
    failure.retry_after =
        static_cast<std::uint32_t>(std::min<seconds>(*response.retry_after, kLongestRetryAfter).count());
    return pending->done(std::unexpected(std::move(failure)));
  }
  if (response.status >= 500 && may_try_again)
    return try_again(fmt::format("the CA has a fault ({})", response.status));
  pending->done(std::move(*outcome));
}

void Session::keep_nonce(const std::string& nonce) {
  const bool is_base64url =
      nonce.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
      std::string::npos;
  if (nonce.empty() || nonce.size() > kMaxNonceBytes || !is_base64url) return;
  if (nonces_.size() == kMaxNonces) nonces_.erase(nonces_.begin());
  nonces_.push_back(nonce);
}

void Session::send_after(PendingRequest pending, milliseconds pause, std::string_view why) {
  if (on_wait_ && !why.empty())
    on_wait_({.ca = settings_.name,
              .what = printable(fmt::format("{}: {}; it is asked again", pending->request.what, why), 300),
              .seconds = static_cast<std::uint32_t>(std::chrono::ceil<seconds>(pause).count()),
              .is_wait = true});
  pending->not_before = in(pause);
  delayed_.push_back(std::move(pending));
}

void Session::run(Deadline now) {
  std::vector<PendingRequest> due;
  std::erase_if(delayed_, [&](PendingRequest& pending) {
    if (pending->not_before > now) return false;
    due.push_back(std::move(pending));
    return true;
  });
  for (auto& pending : due) send(std::move(pending));
}

std::optional<Deadline> Session::wake() const {
  std::optional<Deadline> first;
  for (const auto& pending : delayed_) first = std::min(first.value_or(Deadline::max()), pending->not_before);
  return first;
}

}  // namespace certlatch
