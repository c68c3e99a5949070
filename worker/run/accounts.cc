// SPDX-License-Identifier: MIT
#include "worker/run/accounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "worker/show/words.h"

namespace certlatch {
namespace {

constexpr std::chrono::seconds kPatience{300}, kSendDeadline{10};

Result<void> start(Run& run, Helpers& helpers) {
  helpers.never_make_accounts();
  if (auto started = helpers.start_keeper(); !started) return started;
  return run.stop.is_requested() ? fail(Error::closed("stopped by a signal")) : helpers.start_acme();
}

/// Sends the order and waits for its answer.
template <class Wanted>
Result<Wanted> ask(Run& run, Helpers& helpers, const AcmeOrder& order) {
  if (auto told = helpers.tell_acme(); !told) return fail(told.error());
  if (auto sent = helpers.acme->channel().send(order, in(kSendDeadline)); !sent)
    return fail(helpers.acme->explain(sent.error()));
  const Deadline deadline = in(kPatience);
  for (;;) {
    auto answer = helpers.acme->channel().receive<AcmeAnswer>(deadline);
    if (!answer) return fail(helpers.acme->explain(answer.error()));
    if (auto* wanted = std::get_if<Wanted>(&*answer)) return std::move(*wanted);
    if (const auto* failed = std::get_if<OrderFailed>(&*answer))
      return fail(Error::refused(problem_text(*failed)));
    if (const auto* line = std::get_if<Spoke>(&*answer)) run.report.detail("acme: " + line->line);
    if (const auto* account = std::get_if<AccountKnown>(&*answer))
      if (auto saved = run.store.save_account_url(account->ca, account->account_url); !saved)
        return fail(saved.error());
  }
}

/// The CA would know nothing of an account whose key is made now.
Result<AccountReady> use_account(Helpers& helpers, const CaConfig& ca) {
  UseAccount order = account_of(ca, Trial::no);
  order.must_exist = true;
  return helpers.keeper->use_account(std::move(order));
}

/// The key must be that of the certificate: the acme process reads the one, the keeper the other.
Result<void> use_certificate_key(Run& run, Helpers& helpers, const CaConfig& ca, const std::string& name,
                                 const std::string& chain, Secret key) {
  auto read = ask<ChainRead>(run, helpers, ReadChain{0, chain});
  if (!read) return fail(read.error());
  return helpers.keeper->use_certificate_key(
      {ca.name, account_of(ca, Trial::no).origin, name, std::move(key), std::move(read->public_key)});
}

struct Reason {
  std::string_view name;
  std::uint8_t number;
};
// Those that RFC 8555, section 7.6, and the CAs' rules leave to a subscriber.
constexpr Reason kReasons[] = {{"unspecified", 0}, {"keyCompromise", 1},        {"affiliationChanged", 3},
                               {"superseded", 4},  {"cessationOfOperation", 5}, {"privilegeWithdrawn", 9}};

}  // namespace

Result<AccountShown> ask_account(Run& run, const CaConfig& ca, AccountAction action) {
  Helpers helpers(run);
  if (auto started = start(run, helpers); !started) return fail(started.error());
  if (auto account = use_account(helpers, ca); !account) return fail(account.error());
  auto shown = ask<AccountShown>(run, helpers, AccountTask{0, ca.name, action, false});
  if (shown && action == AccountAction::deactivate && shown->status == "deactivated")
    if (auto aside = run.store.set_account_aside(ca.name); !aside) return fail(aside.error());
  return shown;
}

Result<DirectoryShown> ask_directory(Run& run, const CaConfig& ca) {
  Helpers helpers(run);
  if (auto started = start(run, helpers); !started) return fail(started.error());
  return ask<DirectoryShown>(run, helpers, AskDirectory{0, ca.name});
}

Result<void> roll_account_over(Run& run, const CaConfig& ca) {
  Helpers helpers(run);
  if (auto started = start(run, helpers); !started) return started;
  auto account = use_account(helpers, ca);
  if (!account) return fail(account.error());
  const bool goes_on = account->has_next;
  if (auto next = helpers.keeper->use_next_key({ca.name, ca.account_key}); !next) return fail(next.error());
  auto shown = ask<AccountShown>(run, helpers, AccountTask{0, ca.name, AccountAction::roll_over, goes_on});
  if (!shown) return fail(shown.error());
  return helpers.keeper->adopt_next_key(ca.name);
}

Result<Secret> export_account(Run& run, const CaConfig& ca, KeyForm form) {
  Helpers helpers(run);
  if (auto started = helpers.start_keeper(); !started) return fail(started.error());
  return helpers.keeper->export_account(ca.name, form);
}

Result<void> import_account(Run& run, const CaConfig& ca, Secret key) {
  Helpers helpers(run);
  if (auto started = helpers.start_keeper(); !started) return started;
  auto imported = helpers.keeper->import_account({ca.name, std::move(key), false});
  if (!imported) return fail(imported.error());
  if (!imported->is_new) return {};
  // The key decides which account it is: looked up with the next request.
  return run.store.save_account_url(ca.name, "");
}

Result<void> end_authorizations(Run& run, const CertificateConfig& certificate) {
  const auto state = run.store.load(certificate.name);
  if (!state) return fail(state.error());
  const CaConfig* ca = run.config.ca(state->issued ? state->issued->ca : certificate.cas.front());
  if (ca == nullptr)
    return fail(Error::refused("it is from a CA that the configuration does not have any more"));
  Helpers helpers(run);
  if (auto started = start(run, helpers); !started) return started;
  if (auto account = use_account(helpers, *ca); !account) return fail(account.error());
  const auto& names = state->issued ? state->issued->names : certificate.names;
  auto ended = ask<AuthorizationsEnded>(run, helpers, EndAuthorizations{0, ca->name, names});
  if (!ended) return fail(ended.error());
  run.report.say(fmt::format("{}: {} authorization{} ended: the names are to be proven again",
                             certificate.name, ended->count, ended->count == 1 ? "" : "s"));
  return {};
}

Result<void> revoke(Run& run, const CertificateConfig& certificate, Revocation revocation) {
  auto state = run.store.load(certificate.name);
  if (!state) return fail(state.error());
  if (!state->issued) return fail(Error::refused("there is no certificate to be revoked"));
  const CaConfig* ca = run.config.ca(state->issued->ca);
  if (ca == nullptr)
    return fail(Error::refused(fmt::format(
        "it is from the CA `{}`, which the configuration does not have any more", state->issued->ca)));
  auto chain = run.store.load_chain(certificate.name);
  if (!chain) return fail(chain.error());
  Helpers helpers(run);
  if (auto started = start(run, helpers); !started) return started;
  const bool by_its_key = revocation.by == RevokeBy::certificate_key;
  if (by_its_key) {
    auto used = use_certificate_key(run, helpers, *ca, certificate.name, *chain, std::move(revocation.key));
    if (!used) return used;
  } else if (auto account = use_account(helpers, *ca); !account) {
    return fail(Error::refused(account.error().message +
                               "; --key FILE has the certificate's own key sign in its place"));
  }
  auto revoked =
      ask<Revoked>(run, helpers, Revoke{0, ca->name, std::move(*chain), revocation.reason, by_its_key});
  if (!revoked) return fail(revoked.error());
  const bool is_configured = run.config.certificate(certificate.name) != nullptr;
  run.report.say(fmt::format("{}: {}{}", certificate.name,
                             revoked->was_already ? "it was revoked already" : "revoked",
                             is_configured ? "; the next run asks for another certificate" : ""));
  state->issued.reset();
  state->key_is_kept = false;  // a key that may be known to others is never used again
  return run.store.save(certificate.name, *state);
}

std::optional<std::uint8_t> revocation_reason(std::string_view name) {
  std::uint8_t number = 0;
  const char* end = name.data() + name.size();
  const bool is_number = std::from_chars(name.data(), end, number).ptr == end && !name.empty();
  for (const Reason& reason : kReasons)
    if (reason.name == name || (is_number && reason.number == number)) return reason.number;
  return std::nullopt;
}

}  // namespace certlatch
