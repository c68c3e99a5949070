// SPDX-License-Identifier: MIT
#include "worker/acme/tasks.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

#include "worker/acme/chain_text.h"
#include "worker/acme/end_authorizations.h"
#include "worker/acme/issued_chain.h"
#include "worker/acme/json.h"
#include "worker/acme/printable.h"
#include "worker/acme/problem.h"
#include "worker/acme/renewal_info.h"
#include "worker/keeper/base64url.h"

namespace certlatch {
namespace {

using Ready = std::expected<void, OrderFailed>;

constexpr std::size_t kMaxContacts = 20;

bool is_success(const HttpResponse& response) { return response.status >= 200 && response.status < 300; }

std::string text_of(const Json& payload) {
  return payload.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The first certificate of a chain, DER in base64url.
Result<std::string> leaf_of(std::string_view chain) {
  const auto text = chain_text(chain);
  if (!text) return fail(text.error());
  const auto begin = text->find('\n') + 1;
  const auto lines = std::string_view(*text).substr(begin, text->find("-----END") - begin);
  std::string der(lines.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(der.data()), der.size(), lines.data(), lines.size(),
                        "\n", &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return fail(Error::invalid("the certificate is not base64"));
  der.resize(size);
  return base64url(der);
}

}  // namespace

void Tasks::refuse(std::uint32_t id, OrderFailed failure) {
  failure.id = id;
  say_(failure);
}

void Tasks::refuse(std::uint32_t id, std::string sentence) {
  refuse(id, failure_with(std::move(sentence), {}));
}

// ---- the account

void Tasks::take(const AccountTask& task) {
  Session* session = sessions_.find(task.ca);
  if (session == nullptr) return refuse(task.id, fmt::format("no section [ca {}] is known here", task.ca));
  // An interrupted roll-over: the account may answer to its next key only.
  const bool starts_with_next = task.action == AccountAction::roll_over && task.goes_on;
  const auto need = starts_with_next ? Session::Need::directory : Session::Need::account;
  session->when_ready(need, [this, session, task, starts_with_next](Ready ready) {
    if (!ready) return refuse(task.id, std::move(ready.error()));
    starts_with_next ? look_for_next_key(*session, task) : account_ready(*session, task);
  });
}

void Tasks::account_ready(Session& session, const AccountTask& task) {
  CaRequest request{"the account", session.account_url(), "", ""};
  switch (task.action) {
    case AccountAction::show:
      break;
    case AccountAction::update: {
      Json contact = Json::array();
      for (const auto& address : session.settings().contact) contact.push_back("mailto:" + address);
      request.payload = text_of({{"contact", std::move(contact)}});
      break;
    }
    case AccountAction::deactivate:
      request.payload = R"({"status":"deactivated"})";
      break;
    case AccountAction::roll_over:
      return roll_over(session, task);
  }
  session.post(std::move(request), [this, &session, task](CaOutcome outcome) {
    if (!outcome) return refuse(task.id, std::move(outcome.error()));
    show(session, task, *outcome);
  });
}

void Tasks::look_for_next_key(Session& session, const AccountTask& task) {
  CaRequest request{"newAccount", session.directory().new_account, R"({"onlyReturnExisting":true})", "",
                    Signature::next_account_key};
  session.post(std::move(request), [this, &session, task](CaOutcome outcome) {
    if (!outcome) return refuse(task.id, std::move(outcome.error()));
    if (is_success(*outcome)) return say_(AccountShown{task.id, outcome->location, "valid", {}, ""});
    if (!problem_of(*outcome).is("accountDoesNotExist"))
      return refuse(task.id, failure_of("newAccount", *outcome));
    // The CA has not heard of it: from the start.
    session.when_ready(Session::Need::account, [this, &session, task](Ready ready) {
      if (!ready) return refuse(task.id, std::move(ready.error()));
      roll_over(session, task);
    });
  });
}

void Tasks::roll_over(Session& session, const AccountTask& task) {
  const std::string& url = session.directory().key_change;
  if (url.empty()) return refuse(task.id, "the CA does not let an account's key be changed");
  signer_.sign(SignKeyChange{task.ca, url, session.account_url()}, [this, &session, task,
                                                                    url](Result<std::string> inner) {
    if (!inner) return refuse(task.id, "keyChange: " + inner.error().message);
    session.post({"keyChange", url, std::move(*inner), ""}, [this, &session, task](CaOutcome outcome) {
      if (!outcome) return refuse(task.id, std::move(outcome.error()));
      if (!is_success(*outcome)) return refuse(task.id, failure_of("keyChange", *outcome));
      say_(AccountShown{task.id, session.account_url(), "valid", {}, ""});
    });
  });
}

void Tasks::show(Session& session, const AccountTask& task, const HttpResponse& response) {
  constexpr std::string_view kWhat = "the account";
  if (!is_success(response)) return refuse(task.id, failure_of(kWhat, response));
  const auto json = parse_object(response.body, kWhat);
  const auto status = json ? text_in(*json, "status", kWhat) : fail(json.error());
  if (!status) return refuse(task.id, status.error().message);
  AccountShown shown{task.id, session.account_url(), printable(*status, 40), {}, session.directory().terms};
  if (const auto contact = json->find("contact"); contact != json->end() && contact->is_array())
    for (const Json& one : *contact)
      if (one.is_string() && shown.contact.size() < kMaxContacts)
        shown.contact.push_back(printable(one.get<std::string>(), 200));
  say_(shown);
}

// ---- certificates

void Tasks::take(const Revoke& task) {
  Session* session = sessions_.find(task.ca);
  if (session == nullptr) return refuse(task.id, fmt::format("no section [ca {}] is known here", task.ca));
  auto leaf = leaf_of(task.chain);
  if (!leaf) return refuse(task.id, leaf.error().message);
  Json payload{{"certificate", std::move(*leaf)}};
  if (task.reason != 0) payload["reason"] = task.reason;
  const auto need = task.by_certificate_key ? Session::Need::directory : Session::Need::account;
  session->when_ready(need, [this, session, task, payload = text_of(payload)](Ready ready) {
    if (!ready) return refuse(task.id, std::move(ready.error()));
    const std::string& url = session->directory().revoke_cert;
    if (url.empty()) return refuse(task.id, "the CA does not revoke certificates by ACME");
    CaRequest request{"revokeCert", url, payload, "",
                      task.by_certificate_key ? Signature::certificate_key : Signature::account};
    session->post(std::move(request), [this, task](CaOutcome outcome) {
      if (!outcome) return refuse(task.id, std::move(outcome.error()));
      if (is_success(*outcome)) return say_(Revoked{task.id, false});
      if (problem_of(*outcome).is("alreadyRevoked")) return say_(Revoked{task.id, true});
      refuse(task.id, failure_of("revokeCert", *outcome));
    });
  });
}

void Tasks::take(const EndAuthorizations& task) {
  Session* session = sessions_.find(task.ca);
  if (session == nullptr) return refuse(task.id, fmt::format("no section [ca {}] is known here", task.ca));
  end_authorizations(*session, task, say_);
}

void Tasks::take(const AskRenewalInfo& task) {
  const auto say_nothing = [this, id = task.id](std::string why, std::uint32_t retry_after = 0) {
    say_(RenewalInfo{.id = id, .retry_after = retry_after, .sentence = std::move(why)});
  };
  Session* session = sessions_.find(task.ca);
  if (session == nullptr) return say_nothing(fmt::format("no section [ca {}] is known here", task.ca));
  // A CA that is busy is asked by a later run: nothing else waits for this.
  session->when_ready(Session::Need::directory_at_once, [this, session, task, say_nothing](Ready ready) {
    if (!ready) return say_nothing(ready.error().sentence, ready.error().retry_after);
    const std::string& base = session->directory().renewal_info;
    if (base.empty()) return say_nothing("");
    CaRequest request{.what = "the renewal information",
                      .url = fmt::format("{}/{}", base, task.renewal_id),
                      .waits = false};
    session->get(std::move(request), [this, task, say_nothing](CaOutcome outcome) {
      if (!outcome) return say_nothing(outcome.error().sentence, outcome.error().retry_after);
      constexpr std::int64_t kMostSeconds = 30 * 24 * 3600;
      const auto wait = static_cast<std::uint32_t>(std::min<std::int64_t>(
          outcome->retry_after.value_or(std::chrono::seconds(0)).count(), kMostSeconds));
      if (!is_success(*outcome))
        return say_nothing(failure_of("the renewal information", *outcome).sentence, wait);
      auto window = read_renewal_info(outcome->body);
      if (!window) return say_nothing(window.error().message, wait);
      say_(RenewalInfo{task.id, window->start, window->end, wait, std::move(window->explanation), ""});
    });
  });
}

void Tasks::take(const AskDirectory& task) {
  Session* session = sessions_.find(task.ca);
  if (session == nullptr) return refuse(task.id, fmt::format("no section [ca {}] is known here", task.ca));
  session->when_ready(Session::Need::directory, [this, session, task](Ready ready) {
    if (!ready) return refuse(task.id, std::move(ready.error()));
    const Directory& directory = session->directory();
    say_(DirectoryShown{task.id, directory.terms, directory.caa_identities, directory.wants_eab,
                        directory.date});
  });
}

void Tasks::take(const ReadChain& task) {
  auto chain = chain_text(task.chain);
  if (!chain) return refuse(task.id, chain.error().message);
  auto read = read_chain(*chain);
  if (!read) return refuse(task.id, read.error().message);
  say_(ChainRead{task.id, std::move(*chain), std::move(read->names), read->not_before, read->not_after,
                 std::move(read->renewal_id), std::move(read->public_key)});
}

}  // namespace certlatch
