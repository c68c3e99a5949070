// SPDX-License-Identifier: MIT
#include "worker/keeper/keeper.h"

#include <fmt/format.h>
#include <sodium.h>

#include <optional>
#include <string_view>

#include "worker/keeper/csr.h"
#include "worker/keeper/private_key.h"
#include "worker/keeper/secret_file.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxSentenceBytes = 2048;

KeeperFailed failed(const Error& error) { return {error.message.substr(0, kMaxSentenceBytes)}; }

/// The secret that a CA gives for external account binding is written in base64url.
Result<Secret> decoded(const Secret& text, const std::string& path) {
  Secret room(text.size());
  std::size_t size = 0;
  for (const int variant : {sodium_base64_VARIANT_URLSAFE_NO_PADDING, sodium_base64_VARIANT_URLSAFE,
                            sodium_base64_VARIANT_ORIGINAL})
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(room.bytes().data()), room.size(),
                          text.text().data(), text.size(), nullptr, &size, nullptr, variant) == 0 &&
        size > 0)
      return Secret::copy_of(room.bytes().first(size));
  return fail(Error::invalid(path + " is not a key for external account binding: it is not base64url"));
}

Result<PrivateKey> make(KeyStore& store, const std::string& name, KeyType type) {
  auto key = make_private_key(type);
  if (!key) return fail(key.error());
  const auto pem = pem_of(*key);
  if (!pem) return fail(pem.error());
  if (auto saved = store.save(name, *pem); !saved) return fail(saved.error());
  return std::move(*key);
}

Result<std::optional<PrivateKey>> load(const KeyStore& store, const std::string& name) {
  const auto pem = store.load(name);
  if (!pem) return fail(pem.error());
  if (!*pem) return std::nullopt;
  auto key = private_key_from(**pem);
  if (!key) return fail(key.error().in(store.path_of(name)));
  return std::move(*key);
}

}  // namespace

Result<Keeper> Keeper::open(const KeeperStart& start) {
  auto accounts = KeyStore::open(start.accounts_directory, "key.pem");
  if (!accounts) return fail(accounts.error());
  auto next_accounts = KeyStore::open(start.accounts_directory, "next-key.pem");
  if (!next_accounts) return fail(next_accounts.error());
  auto certificates = KeyStore::open(start.certificates_directory, "privkey.pem");
  if (!certificates) return fail(certificates.error());
  Keeper keeper(std::move(*accounts), std::move(*next_accounts), std::move(*certificates));
  for (const CaSecrets& files : start.secrets) {
    Secrets secrets;
    if (!files.eab_key_file.empty()) {
      const auto text = read_secret_file(files.eab_key_file);
      secrets.eab_key = text ? decoded(*text, files.eab_key_file) : fail(text.error());
    }
    if (!files.passphrase_file.empty()) secrets.passphrase = read_secret_file(files.passphrase_file);
    keeper.secrets_.insert_or_assign(files.ca, std::move(secrets));
  }
  return keeper;
}

KeeperAnswer Keeper::answer(const KeeperOrder& order) {
  auto outcome = std::visit([this](const auto& body) { return carry_out(body); }, order);
  return outcome ? std::move(*outcome) : failed(outcome.error());
}

SignatureAnswer Keeper::answer(const SignatureOrder& order) const {
  auto outcome = std::visit([this](const auto& body) { return carry_out(body); }, order);
  return outcome ? std::move(*outcome) : failed(outcome.error());
}

Result<KeeperAnswer> Keeper::carry_out(const KeeperStart&) {
  return fail(Error::refused("the keeper has started already"));
}

Result<KeeperAnswer> Keeper::carry_out(const MakeRequest& order) {
  std::optional<PrivateKey> key;
  if (order.is_trial) {
    auto made = make_private_key(order.type);
    if (!made) return fail(made.error());
    key = std::move(*made);
  } else if (!order.new_key) {
    auto kept = load(certificate_keys_, order.certificate);
    if (!kept) return fail(kept.error());
    // The configuration may have changed since the earlier attempt.
    if (*kept && type_of(**kept) == order.type) key = std::move(*kept);
  }
  if (!key) {
    auto made = make(certificate_keys_, order.certificate, order.type);
    if (!made) return fail(made.error());
    key = std::move(*made);
  }
  auto csr = make_csr(*key, order.names);
  if (!csr) return fail(csr.error());
  return RequestReady{std::move(*csr)};
}

Result<KeeperAnswer> Keeper::carry_out(const TakeKey& order) {
  auto pem = certificate_keys_.load(order.certificate);
  if (!pem) return fail(pem.error());
  if (!*pem)
    return fail(Error::invalid("there is no private key " + certificate_keys_.path_of(order.certificate)));
  return KeyTaken{std::move(**pem)};
}

Result<KeeperAnswer> Keeper::carry_out(const ImportKey& order) {
  const auto key = private_key_from(order.key);
  if (!key) return fail(key.error());
  if (public_key_of(*key) != order.public_key)
    return fail(Error::invalid("the private key is not that of the certificate"));
  if (!order.is_trial) {
    const auto pem = pem_of(*key);
    if (!pem) return fail(pem.error());
    if (auto saved = certificate_keys_.save(order.certificate, *pem); !saved) return fail(saved.error());
  }
  return KeyImported{type_of(*key)};
}

Result<KeeperAnswer> Keeper::carry_out(const ForgetKey& order) {
  if (auto forgotten = certificate_keys_.forget(order.certificate); !forgotten)
    return fail(forgotten.error());
  return KeeperDone{};
}

}  // namespace certlatch
