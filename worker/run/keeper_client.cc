// SPDX-License-Identifier: MIT
#include "worker/run/keeper_client.h"

namespace certlatch {
namespace {
/// An RSA key of 4096 bits may take that long on a small machine.
constexpr std::chrono::seconds kDeadline{60};
}  // namespace

template <class Wanted>
Result<Wanted> KeeperClient::ask(const KeeperOrder& order) {
  auto answer = process_.ask<KeeperAnswer>(order, in(kDeadline));
  if (!answer) return fail(answer.error());
  if (auto* failed = std::get_if<KeeperFailed>(&*answer)) return fail(Error::refused(failed->sentence));
  if (auto* wanted = std::get_if<Wanted>(&*answer)) return std::move(*wanted);
  return fail(Error::invalid("the keeper process: an answer to another order"));
}

Result<void> KeeperClient::start(KeeperStart start) {
  auto sent = process_.channel().send(KeeperOrder(std::move(start)), in(kDeadline));
  if (!sent) return fail(process_.explain(sent.error()));
  return {};
}

Result<AccountReady> KeeperClient::use_account(UseAccount order) {
  return ask<AccountReady>(std::move(order));
}

Result<AccountReady> KeeperClient::use_next_key(UseNextKey order) {
  return ask<AccountReady>(std::move(order));
}

Result<void> KeeperClient::adopt_next_key(const std::string& ca) {
  if (auto done = ask<KeeperDone>(AdoptNextKey{ca}); !done) return fail(done.error());
  return {};
}

Result<void> KeeperClient::use_certificate_key(UseCertificateKey order) {
  if (auto done = ask<KeeperDone>(std::move(order)); !done) return fail(done.error());
  return {};
}

Result<Secret> KeeperClient::export_account(const std::string& ca, KeyForm form) {
  auto taken = ask<KeyTaken>(ExportAccount{ca, form});
  if (!taken) return fail(taken.error());
  return std::move(taken->key);
}

Result<AccountReady> KeeperClient::import_account(ImportAccount order) {
  return ask<AccountReady>(std::move(order));
}

Result<KeyType> KeeperClient::import_key(ImportKey order) {
  const auto imported = ask<KeyImported>(std::move(order));
  if (!imported) return fail(imported.error());
  return imported->type;
}

Result<std::string> KeeperClient::make_request(MakeRequest order) {
  auto ready = ask<RequestReady>(std::move(order));
  if (!ready) return fail(ready.error());
  return std::move(ready->csr);
}

Result<Secret> KeeperClient::take_key(const std::string& certificate) {
  auto taken = ask<KeyTaken>(TakeKey{certificate});
  if (!taken) return fail(taken.error());
  return std::move(taken->key);
}

Result<void> KeeperClient::forget_key(const std::string& certificate) {
  if (auto done = ask<KeeperDone>(ForgetKey{certificate}); !done) return fail(done.error());
  return {};
}

}  // namespace certlatch
