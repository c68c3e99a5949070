// SPDX-License-Identifier: MIT
#include "worker/run/adopt.h"

#include <fmt/format.h>

#include "worker/show/words.h"
#include "worker/state/host_name.h"

namespace certlatch {
namespace {
constexpr std::chrono::seconds kDeadline{10};
}  // namespace

Result<bool> Adoption::take_account(const std::string& ca, Secret key, const std::string& account_url) {
  const bool is_trial = run_.trial == Trial::yes;
  const auto account = helpers_.keeper->import_account({ca, std::move(key), is_trial});
  if (!account) return fail(account.error());
  if (is_trial || !account->is_new) return account->is_new;
  if (auto saved = run_.store.save_account_url(ca, account_url); !saved) return fail(saved.error());
  return true;
}

Result<ChainRead> read_chain(Helpers& helpers, std::string chain) {
  auto& acme = *helpers.acme;
  if (auto sent = acme.channel().send(AcmeOrder(ReadChain{0, std::move(chain)}), in(kDeadline)); !sent)
    return fail(acme.explain(sent.error()));
  for (;;) {
    auto answer = acme.channel().receive<AcmeAnswer>(in(kDeadline));
    if (!answer) return fail(acme.explain(answer.error()));
    if (const auto* failed = std::get_if<OrderFailed>(&*answer))
      return fail(Error::invalid(problem_text(*failed)));
    if (auto* read = std::get_if<ChainRead>(&*answer)) return std::move(*read);
  }
}

Result<AdoptedCertificate> Adoption::take_certificate(const std::string& name, const std::string& ca,
                                                      std::string chain, Secret key, Replace replace) {
  auto read = read_chain(helpers_, std::move(chain));
  if (!read) return fail(read.error());
  AdoptedCertificate adopted{.not_after = read->not_after};
  for (const auto& one : read->names) {
    auto canonical = canonical_name(one);
    if (!canonical) return fail(canonical.error());
    adopted.names.push_back(std::move(*canonical));
  }
  if (adopted.names.empty()) return fail(Error::invalid("the certificate names no host"));
  if (adopted.names.size() > kMaxNames)
    return fail(Error::invalid(fmt::format("the certificate has more than {} names", kMaxNames)));
  IssuedCertificate issued{.ca = ca,
                           .names = adopted.names,
                           .issued = read->not_before,
                           .not_before = read->not_before,
                           .not_after = read->not_after,
                           .fingerprint = digest_of(read->chain),
                           .installed = {},
                           .renewal_id = std::move(read->renewal_id)};
  adopted.renewal = renewal_of(CertificateConfig{}, issued);

  const auto known = run_.store.load(name);
  if (!known) return fail(known.error());
  adopted.was_there = known->issued && known->issued->fingerprint == issued.fingerprint;
  if (known->issued && !adopted.was_there && replace == Replace::no)
    return fail(Error::conflict(fmt::format("another certificate is kept already, valid until {}",
                                            date_text(known->issued->not_after))));
  const bool stores = run_.trial == Trial::no && !adopted.was_there;
  // In this order, so that whoever is killed in between leaves nothing that claims more than there is.
  if (stores)
    if (auto saved = run_.store.save(name, {}); !saved) return fail(saved.error());
  const auto type = helpers_.keeper->import_key({name, std::move(key), read->public_key, !stores});
  if (!type) return fail(type.error());
  adopted.key = *type;
  if (!stores) return adopted;
  run_.store.forget_settled();
  if (auto saved = run_.store.save_chain(name, read->chain); !saved) return fail(saved.error());
  CertificateState state;
  state.issued = std::move(issued);
  state.key_is_kept = true;
  if (auto saved = run_.store.save(name, state); !saved) return fail(saved.error());
  return adopted;
}

}  // namespace certlatch
