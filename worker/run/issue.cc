// SPDX-License-Identifier: MIT
#include "worker/run/issue.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>

#include "worker/check/own_addresses.h"
#include "worker/check/webroot_check.h"
#include "worker/run/hints.h"
#include "worker/run/webroot.h"
#include "worker/show/words.h"
#include "worker/state/csr_file.h"

namespace certlatch {
namespace {

/// The acme process has deadlines of its own for all it does; this one only ends a run whose helper is stuck.
constexpr std::chrono::minutes kSilence{15};
constexpr std::chrono::seconds kSendDeadline{10};

bool is_printable(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::vector<OpeningStatus> openings_of(const Run& run, const StatusAnswer& status) {
  std::vector<OpeningStatus> used;
  std::ranges::copy_if(status.openings, std::back_inserter(used), [&](const OpeningStatus& opening) {
    return std::ranges::any_of(run.work,
                               [&](const Work& work) { return work.config->opening == opening.entry; });
  });
  return used;
}

/// The openings through which the CA comes with TLS.
std::set<std::string> for_tls(const Run& run) {
  std::set<std::string> entries;
  for (const Work& work : run.work)
    if (work.config->challenge == ChallengeType::tls_alpn_01) entries.insert(work.config->opening);
  return entries;
}

/// `parallel` and what a CA allows may not suffice for all of them: first what is paid for already, then what
/// nobody can do without; a certificate that is only due is still good for a while.
int urgency_of(const CertificateState& state) {
  if (state.order) return 0;
  return state.issued ? 2 : 1;
}

}  // namespace

Issuance::Issuance(Run& run, BrokerClient& broker, Helpers& helpers, const StatusAnswer& status)
    : run_(run),
      helpers_(helpers),
      openings_(openings_of(run, status)),
      door_(run.peers, broker, run.report, openings_, for_tls(run)),
      records_(run),
      addresses_(run.peers),
      budgets_(run) {
  for (Work& work : run.work) {
    if (!work.plan.issues_at(run.now())) continue;
    const auto opening = std::ranges::find(openings_, work.config->opening, &OpeningStatus::entry);
    const bool is_there = opening != openings_.end();
    if (is_there || work.config->opening.empty())
      orders_.push_back({.work = &work, .opening = is_there ? &*opening : nullptr, .challenges = {}});
  }
  std::ranges::stable_sort(orders_, {}, [](const Order& order) { return urgency_of(order.work->state); });
}

void Issuance::carry_out() {
  if (orders_.empty() || !start()) return;
  place_orders();
  wait_for_answers();
  if (auto closed = door_.close_all(); !closed) {
    run_.report.problem(fmt::format("the opening: {}; it ends by itself", closed.error().message));
    run_.outcome.note(Trouble::broker);
  }
  tell_late_problems();
}

bool Issuance::start() {
  for (const Order& order : orders_) {
    for (const auto& name : order.work->config->cas) {
      if (thumbprints_.contains(name)) continue;
      auto account = helpers_.keeper->use_account(account_of(*run_.config.ca(name), run_.trial));
      if (account && account->has_next)
        run_.report.problem(
            fmt::format("the account of [ca {0}]: a change of its key was interrupted; `certlatch "
                        "account rollover {0}` goes on with it",
                        name));
      thumbprints_.emplace(name, account ? Result<std::string>(account->thumbprint) : fail(account.error()));
    }
  }
  auto started = helpers_.tell_acme();
  if (!started) abandon(started.error().message);
  if (started) ask_where_names_lead();
  return started.has_value();
}

void Issuance::ask_where_names_lead() {
  std::vector<std::string> names;
  for (const Order& order : orders_)
    if (order.work->config->challenge != ChallengeType::dns_01)
      names.insert(names.end(), order.work->config->names.begin(), order.work->config->names.end());
  addresses_.ask_about(names);
}

void Issuance::place_orders() {
  auto under_way = static_cast<std::size_t>(std::ranges::count_if(orders_, [](const Order& order) {
    return order.stage != Stage::waiting && order.stage != Stage::over;
  }));
  for (Order& order : orders_) {
    if (under_way >= run_.config.parallel) return;
    if (order.stage != Stage::waiting) continue;
    place(order);
    if (order.stage == Stage::ordering) ++under_way;
  }
}

void Issuance::place(Order& order) {
  const CertificateConfig& config = *order.work->config;
  const auto& thumbprint = thumbprints_.at(ca_of(order));
  if (!thumbprint) {
    // The account's key cannot be used: no fault of the CA's, but the next one's chance all the same.
    if (try_next_ca(order, thumbprint.error().message)) return place(order);
    return stop_short(order, Trouble::other, order.earlier_problems + thumbprint.error().message);
  }
  const auto& state = order.work->state;
  if (auto may = may_ask(order); !may) {
    if (try_next_ca(order, may.error().message)) return place(order);
    return stop_short(order, Trouble::other, order.earlier_problems + may.error().message);
  }
  const bool is_left = run_.trial == Trial::no && state.order && state.order->ca == ca_of(order);
  const bool goes_on = run_.trial == Trial::no && state.order && state.order->ca == ca_of(order) &&
                       state.order->names == config.names;
  run_.report.detail(
      fmt::format("{}: a certificate is asked for, since {}", config.name, text_of(order.work->plan.issue)));
  order.stage = Stage::ordering;
  PlaceOrder request{static_cast<std::uint32_t>(&order - orders_.data()),
                     ca_of(order),
                     config.names,
                     is_left ? state.order->url : "",
                     config.challenge,
                     config.profile,
                     config.profile_is_required,
                     "",
                     ""};
  if (!config.csr.empty()) {
    // Before the CA is asked for anything: a request that cannot be used is no reason to bother it.
    auto csr = read_csr_file(config.csr);
    if (!csr) return stop_short(order, Trouble::other, csr.error().message);
    request.csr = std::move(*csr);
  }
  if (run_.trial == Trial::no && state.issued && state.issued->ca == ca_of(order))
    request.replaces = state.issued->renewal_id;
  order.is_counted = !goes_on;
  if (order.is_counted) budgets_.note_order(ca_of(order));
  send(request);
}

Result<void> Issuance::may_ask(const Order& order) {
  const Seconds until = wait_of(order.work->state, ca_of(order));
  if (run_.force == Force::no && run_.trial == Trial::no && until > run_.now())
    return fail(Error::refused(
        fmt::format("[ca {}] asks to be left alone until {}", ca_of(order), time_text(until))));
  return budgets_.allow(*order.work, ca_of(order));
}

bool Issuance::try_next_ca(Order& order, std::string_view sentence) {
  if (order.ca + 1 >= order.work->config->cas.size()) return false;
  order.earlier_problems += fmt::format("{}: {}\n  then ", ca_of(order), sentence);
  ++order.ca;
  order.stage = Stage::waiting;
  run_.report.detail(fmt::format("{}: {} is tried instead", order.work->config->name, ca_of(order)));
  return true;
}

void Issuance::wait_for_answers() {
  for (Deadline silence = in(kSilence); !is_over();) {
    if (run_.stop.is_requested()) return abandon("stopped by a signal; the next run goes on from here");
    Deadline wake = silence;
    for (const Order& order : orders_) {
      if (!order.wait) continue;
      order.wait->tell();
      wake = order.wait->or_sooner(wake);
    }
    std::array<pollfd, 2> ready{pollfd{helpers_.acme->channel().fd(), POLLIN, 0},
                                pollfd{run_.stop.fd(), POLLIN, 0}};
    const int n = ::poll(ready.data(), ready.size(), poll_time(wake));
    if ((n < 0 && errno == EINTR) || (n == 0 && std::chrono::steady_clock::now() < silence)) continue;
    if (n == 0) return abandon("the acme process has said nothing for too long");
    if (ready[0].revents == 0) continue;
    silence = in(kSilence);
    const auto whole = helpers_.acme->channel().fill();
    if (!whole) return abandon(helpers_.acme->explain(whole.error()).message);
    if (!*whole) continue;
    const auto answer = helpers_.acme->channel().take<AcmeAnswer>();
    if (!answer) return abandon(helpers_.acme->explain(answer.error()).message);
    take(*answer);
  }
}

void Issuance::abandon(std::string_view sentence) {
  // The door first: what follows may take a while.
  (void)door_.close_all();
  for (Order& order : orders_)
    if (order.stage != Stage::over) stop_short(order, Trouble::other, sentence);
}

void Issuance::tell_late_problems() {
  for (Order& order : orders_) {
    if (order.late_problem.empty()) continue;
    if (order.opening != nullptr) order.late_problem += responder_hint(order.seen, order.opening->port);
    if (!run_.stop.is_requested() && order.work->config->challenge != ChallengeType::dns_01) {
      addresses_.wait_longer();
      order.late_problem += address_hint(addresses_.found(order.work->config->names));
    }
    order.work->state.failures.reason = order.late_problem;
    run_.fail(*order.work, Trouble::other, order.late_problem);
  }
}

Issuance::Order* Issuance::find(std::uint32_t id) {
  return id < orders_.size() && orders_[id].stage != Stage::over ? &orders_[id] : nullptr;
}

void Issuance::take(const AcmeAnswer& answer) {
  std::visit([this](const auto& body) { take_answer(body); }, answer);
  shut_when_decided();
  place_orders();
}

void Issuance::take_answer(const AccountKnown& answer) {
  if (run_.trial == Trial::yes || !thumbprints_.contains(answer.ca) || !is_printable(answer.account_url))
    return;
  if (auto saved = run_.store.save_account_url(answer.ca, answer.account_url); !saved) {
    run_.report.problem(saved.error().message);
    run_.outcome.note(Trouble::other);
  }
}

void Issuance::take_answer(const OrderReady& answer) {
  Order* order = find(answer.id);
  if (order == nullptr || order->stage != Stage::ordering) return;
  const CertificateConfig& config = *order->work->config;
  order->challenges = answer.challenges;
  // The order of an earlier run was lost, and this is another.
  const auto& left = order->work->state.order;
  if (!order->is_counted && (!left || left->url != answer.order_url)) budgets_.note_order(ca_of(*order));
  if (is_printable(answer.order_url)) {
    order->work->state.order = PendingOrder{ca_of(*order), answer.order_url, config.names};
    run_.save(*order->work);
  }
  if (order->challenges.empty()) return finalize(*order);
  auto trouble = Trouble::other;
  if (auto ready = let_the_ca_in(*order, trouble); !ready) {
    forget_tokens(*order);
    return stop_short(*order, trouble, ready.error().message);
  }
  order->stage = Stage::validating;
  send(Validate{answer.id});
}

Result<void> Issuance::let_the_ca_in(Order& order, Trouble& trouble) {
  for (const HttpChallenge& challenge : order.challenges) {
    if (auto ready = present(order, challenge); !ready) return ready;
  }
  records_.wait_until_known(order.work->config->name);
  if (auto checked = check_addresses(order); !checked) return checked;
  if (order.opening == nullptr) return {};
  trouble = Trouble::broker;
  run_.report.step(order.work->config->name, "has the port opened");
  return door_.open(order.opening->entry);
}

std::string Issuance::key_authorization_of(const Order& order, const HttpChallenge& challenge) const {
  return fmt::format("{}.{}", challenge.token, *thumbprints_.at(ca_of(order)));
}

Result<void> Issuance::present(const Order& order, const HttpChallenge& challenge) {
  const std::string key_authorization = key_authorization_of(order, challenge);
  const CertificateConfig& config = *order.work->config;
  if (!config.webroot.empty()) {
    auto put = put_challenge_file(config.webroot, challenge.token, key_authorization);
    return put ? check_challenge_file(config.webroot, challenge.token, key_authorization) : put;
  }
  if (config.challenge == ChallengeType::dns_01)
    return records_.put(*run_.config.dns(config.dns), challenge.token, challenge.name, key_authorization);
  const bool is_tls = config.challenge == ChallengeType::tls_alpn_01;
  return door_.expect(*order.opening, challenge.token, key_authorization, is_tls ? challenge.name : "");
}

Result<void> Issuance::check_addresses(const Order& order) {
  const CertificateConfig& config = *order.work->config;
  if (config.challenge == ChallengeType::dns_01) return {};
  std::vector<std::string> names;
  for (const HttpChallenge& challenge : order.challenges) names.push_back(challenge.name);
  const auto served = order.opening == nullptr ? Families{} : door_.served(order.opening->entry);
  run_.report.step(config.name, "looks where its names lead");
  const auto found = addresses_.found(names);
  const auto own = own_addresses();
  auto findings = judge_addresses(found, served, own);
  // A host that was issued the same names before may see another DNS than the CA does.
  const auto& issued = order.work->state.issued;
  const bool was_possible = issued && issued->names == config.names;
  if (!findings.refusal.empty() && !was_possible && run_.force != Force::yes)
    return fail(Error::refused(findings.refusal));
  if (!findings.refusal.empty()) findings.warnings.push_back(findings.refusal);
  if (!config.webroot.empty() && !order.challenges.empty()) {
    // One of them tells for all.
    const HttpChallenge& first = order.challenges.front();
    const auto leads = std::ranges::find(found, first.name, &NameAddresses::name);
    const auto doubts = doubts_about_webroot(config.webroot, first.token, key_authorization_of(order, first),
                                             leads == found.end() ? NameAddresses{} : *leads, own);
    findings.warnings.insert(findings.warnings.end(), doubts.begin(), doubts.end());
  }
  for (const auto& warning : findings.warnings) run_.report.say(fmt::format("{}: {}", config.name, warning));
  return {};
}

void Issuance::take_answer(const Validated& answer) {
  Order* order = find(answer.id);
  if (order == nullptr || order->stage != Stage::validating) return;
  order->stage = Stage::finalizing;
  order->wait.reset();
  // Before the key is made: the door stays open no longer than the challenges need.
  shut_when_decided();
  forget_tokens(*order);
  finalize(*order);
}

void Issuance::finalize(Order& order) {
  Work& work = *order.work;
  order.stage = Stage::finalizing;
  auto csr = work.config->csr.empty() ? make_request(work) : read_csr_file(work.config->csr);
  if (!csr) return stop_short(order, Trouble::other, csr.error().message);
  send(Finalize{static_cast<std::uint32_t>(&order - orders_.data()), std::move(*csr)});
}

Result<std::string> Issuance::make_request(Work& work) {
  const CertificateConfig& config = *work.config;
  run_.report.step(config.name, "makes a key");
  const bool is_trial = run_.trial == Trial::yes;
  MakeRequest request{config.name, config.names, config.key, !work.state.key_is_kept, is_trial};
  if (!is_trial) work.state.key_is_kept = true;
  run_.save(work);
  return helpers_.keeper->make_request(std::move(request));
}

void Issuance::take_answer(const Issued& answer) {
  Order* order = find(answer.id);
  if (order == nullptr || order->stage != Stage::finalizing) return;
  order->wait.reset();
  if (answer.not_after <= answer.not_before)
    return give_up(*order, "the acme process gives dates that make no sense");
  Work& work = *order->work;
  if (!answer.remark.empty()) run_.report.say(fmt::format("{}: {}", work.config->name, answer.remark));
  if (run_.trial == Trial::yes) {
    order->stage = Stage::over;
    work.is_issued = true;
    run_.report.step(work.config->name, "");
    return run_.report.say(fmt::format("{}: the trial went well: {} would issue a certificate",
                                       work.config->name, ca_of(*order)));
  }
  // The chain before the state that describes it: a run that is killed in between still has the order, and
  // gets the same chain again.
  if (auto stored = run_.store.save_chain(work.config->name, answer.chain); !stored)
    return stop_short(*order, Trouble::other, stored.error().message);
  order->stage = Stage::over;
  work.state.issued =
      IssuedCertificate{.ca = ca_of(*order),
                        .names = work.config->names,
                        .issued = run_.now(),
                        .not_before = answer.not_before,
                        .not_after = answer.not_after,
                        .fingerprint = digest_of(answer.chain),
                        .installed = {},
                        .renewal_id = is_printable(answer.renewal_id) ? answer.renewal_id : ""};
  // With install entries it is due when they hold the pair.
  work.state.issued->hook_pending = work.config->installs.empty() && !work.config->deployed.empty();
  work.state.order.reset();
  work.state.waits.clear();
  // How often these went wrong with another certificate says nothing of this one.
  work.state.before = work.state.verification = work.state.hook = {};
  work.state.succeed(&CertificateState::failures);
  budgets_.note_issued(ca_of(*order), work.config->names);
  work.is_issued = true;
  run_.outcome.changed = true;
  run_.save(work);
  run_.report.step(work.config->name, "");
  run_.report.say(
      fmt::format("{}: certificate issued, valid until {}", work.config->name, date_text(answer.not_after)));
}

void Issuance::take_answer(const OrderFailed& answer) {
  Order* order = find(answer.id);
  if (order == nullptr) return;
  order->wait.reset();
  if (answer.order_is_lost) order->work->state.order.reset();
  budgets_.note_failures(ca_of(*order), answer.invalid_names);
  if (run_.trial == Trial::no)
    set_wait(order->work->state, ca_of(*order),
             answer.retry_after == 0 ? 0 : run_.now() + answer.retry_after);
  const bool was_validating = order->stage == Stage::validating;
  std::string text = problem_text(answer);
  if (order->stage == Stage::ordering) text += account_hint(answer, ca_of(*order), run_.store.path());
  if (try_next_ca(*order, text)) {
    order->work->state.order.reset();
    return forget_tokens(*order);
  }
  if (!was_validating) return give_up(*order, order->earlier_problems + text);
  order->late_problem = order->earlier_problems + text;
  give_up(*order, {});
  shut_when_decided();
  forget_tokens(*order);
}

void Issuance::take_answer(const AccountShown&) {}
void Issuance::take_answer(const Revoked&) {}
void Issuance::take_answer(const RenewalInfo&) {}
void Issuance::take_answer(const ChainRead&) {}
void Issuance::take_answer(const DirectoryShown&) {}
void Issuance::take_answer(const AuthorizationsEnded&) {}

void Issuance::take_answer(const Progress& answer) {
  Order* order = answer.ca.empty() ? find(answer.id) : nullptr;
  if (order == nullptr && !thumbprints_.contains(answer.ca)) return;
  const auto of = order != nullptr ? order->work->config->name : fmt::format("[ca {}]", answer.ca);
  const Seconds until = run_.now() + answer.seconds;
  if (order == nullptr) {
    if (answer.is_wait) run_.report.wait(of, answer.what, until);
    return;
  }
  // It has been told of by now that this one is long.
  if (answer.is_wait && order->doing == answer.what) return;
  order->doing = answer.what;
  order->wait.reset();
  if (answer.is_wait) return run_.report.wait(of, answer.what, until);
  run_.report.step(of, answer.what, answer.seconds == 0 ? 0 : until);
  if (answer.seconds != 0)
    order->wait =
        std::make_unique<LongWait>(run_.report, of, answer.what, in(std::chrono::seconds(answer.seconds)));
}

void Issuance::take_answer(const Spoke& answer) { run_.report.detail("acme: " + answer.line); }

void Issuance::forget_tokens(Order& order) {
  for (const HttpChallenge& challenge : order.challenges) {
    if (!order.work->config->webroot.empty())
      remove_challenge_file(order.work->config->webroot, challenge.token);
    records_.remove(challenge.token);
    const auto forgotten = door_.forget(challenge.token);
    if (!forgotten) continue;
    if (!order.seen) order.seen.emplace();
    order.seen->requests += forgotten->requests;
    order.seen->connections = forgotten->connections;
  }
  order.challenges.clear();
}

void Issuance::shut_when_decided() {
  for (const OpeningStatus& opening : openings_) {
    const bool is_needed = std::ranges::any_of(orders_, [&](const Order& order) {
      return order.opening == &opening && order.stage < Stage::finalizing;
    });
    if (is_needed) continue;
    if (auto closed = door_.close(opening.entry); !closed) {
      run_.report.problem(fmt::format("{}; the opening ends by itself", closed.error().message));
      run_.outcome.note(Trouble::broker);
    }
  }
}

void Issuance::give_up(Order& order, std::string_view sentence) {
  order.stage = Stage::over;
  run_.report.step(order.work->config->name, "");
  auto& failures = order.work->state.failures;
  failures = {failures.count + 1, run_.now(), std::string(sentence)};
  if (sentence.empty()) return run_.save(*order.work);
  run_.fail(*order.work, Trouble::other, sentence);
}

void Issuance::stop_short(Order& order, Trouble trouble, std::string_view sentence) {
  order.stage = Stage::over;
  run_.report.step(order.work->config->name, "");
  run_.fail(*order.work, trouble, sentence);
}

bool Issuance::send(const AcmeOrder& order) {
  auto sent = helpers_.acme->channel().send(order, in(kSendDeadline));
  if (!sent) abandon(helpers_.acme->explain(sent.error()).message);
  return sent.has_value();
}

bool Issuance::is_over() const {
  return std::ranges::all_of(orders_, [](const Order& order) { return order.stage == Stage::over; });
}

}  // namespace certlatch
