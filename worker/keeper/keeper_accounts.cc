// SPDX-License-Identifier: MIT
// The keeper's account keys: used, followed by another, brought in and out; and what is signed with them.
#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "worker/keeper/jwk_key.h"
#include "worker/keeper/jws.h"
#include "worker/keeper/keeper.h"
#include "worker/keeper/private_key.h"

namespace certlatch {
namespace {

/// "https://" and an authority, nothing after it: a prefix that leaves no doubt where a URL leads.
bool is_origin(std::string_view origin) {
  constexpr std::string_view kScheme = "https://";
  return origin.starts_with(kScheme) && origin.size() > kScheme.size() &&
         origin.substr(kScheme.size()).find_first_of("/@?#\\ ") == std::string_view::npos;
}

bool is_below(std::string_view url, std::string_view origin) {
  return url.size() > origin.size() && url.starts_with(origin) && url[origin.size()] == '/';
}

Result<void> check_origin(std::string_view origin) {
  if (is_origin(origin)) return {};
  return fail(Error::invalid("the origin of a CA is written https://HOST or https://HOST:PORT"));
}

Result<PrivateKey> given_or_kept_key(const UseCertificateKey& order, const KeyStore& store) {
  if (!order.key.empty()) return private_key_from(order.key);
  const auto pem = store.load(order.certificate);
  if (!pem) return fail(pem.error());
  const std::string path = store.path_of(order.certificate);
  if (!*pem)
    return fail(Error::refused(fmt::format(
        "there is no private key {}, which is not kept once it is installed: --key FILE gives it, "
        "or --key - on standard input",
        path)));
  auto key = private_key_from(**pem);
  if (!key) return fail(key.error().in(path));
  return key;
}

AccountReady ready(std::string thumbprint, bool is_new, bool has_next) {
  return {std::move(thumbprint), is_new, has_next};
}

}  // namespace

Result<const Secret*> Keeper::passphrase_of(const std::string& ca) const {
  const auto found = secrets_.find(ca);
  if (found == secrets_.end()) return nullptr;
  if (!found->second.passphrase) return fail(found->second.passphrase.error());
  return found->second.passphrase->empty() ? nullptr : &*found->second.passphrase;
}

Result<std::optional<PrivateKey>> Keeper::load_account(const KeyStore& store, const std::string& ca) const {
  const auto passphrase = passphrase_of(ca);
  if (!passphrase) return fail(passphrase.error());
  const auto pem = store.load(ca);
  if (!pem) return fail(pem.error());
  if (!*pem) return std::nullopt;
  if (*passphrase == nullptr && is_encrypted(**pem))
    return fail(Error::refused(fmt::format(
        "{} is encrypted: `account passphrase` in section [ca {}] names the file with its passphrase",
        store.path_of(ca), ca)));
  auto key = private_key_from(**pem, *passphrase);
  if (!key) return fail(key.error().in(store.path_of(ca)));
  return std::move(*key);
}

Result<void> Keeper::save_account(KeyStore& store, const std::string& ca, const PrivateKey& key) const {
  const auto passphrase = passphrase_of(ca);
  if (!passphrase) return fail(passphrase.error());
  const auto pem = pem_of(key, *passphrase);
  if (!pem) return fail(pem.error());
  return store.save(ca, *pem);
}

Result<KeeperAnswer> Keeper::carry_out(const UseAccount& order) {
  if (auto good = check_origin(order.origin); !good) return fail(good.error());
  if (const auto found = secrets_.find(order.ca); found != secrets_.end() && !found->second.eab_key)
    return fail(found->second.eab_key.error());
  if (order.is_trial) {
    auto made = make_private_key(order.type);
    auto thumbprint = made ? thumbprint_of(*made) : fail(made.error());
    if (!thumbprint) return fail(thumbprint.error());
    accounts_.insert_or_assign(order.ca, Account{std::move(*made), order.origin, order.eab_mac});
    return ready(std::move(*thumbprint), true, false);
  }
  auto key = load_account(account_keys_, order.ca);
  if (!key) return fail(key.error());
  const bool is_new = !*key;
  if (is_new && order.must_exist)
    return fail(Error::refused("there is no account key " + account_keys_.path_of(order.ca)));
  if (is_new) {
    auto made = make_private_key(order.type);
    if (!made) return fail(made.error());
    *key = std::move(*made);
  }
  // A passphrase that was added to the configuration counts for the key that is there already.
  const auto passphrase = passphrase_of(order.ca);
  const auto stored = account_keys_.load(order.ca);
  if (!passphrase || !stored) return fail((passphrase ? stored.error() : passphrase.error()));
  if (is_new || (*passphrase != nullptr && *stored && !is_encrypted(**stored)))
    if (auto saved = save_account(account_keys_, order.ca, **key); !saved) return fail(saved.error());
  auto thumbprint = thumbprint_of(**key);
  if (!thumbprint) return fail(thumbprint.error());
  const auto next = next_account_keys_.load(order.ca);
  if (!next) return fail(next.error());
  accounts_.insert_or_assign(order.ca, Account{std::move(**key), order.origin, order.eab_mac});
  return ready(std::move(*thumbprint), is_new, next->has_value());
}

Result<KeeperAnswer> Keeper::carry_out(const UseNextKey& order) {
  const auto account = accounts_.find(order.ca);
  if (account == accounts_.end() || !account->second.key)
    return fail(Error::refused("no account of that CA is in use"));
  auto key = load_account(next_account_keys_, order.ca);
  if (!key) return fail(key.error());
  // The same key twice: a roll-over that was interrupted after its last step but one.
  if (*key && EVP_PKEY_eq(key->value().get(), account->second.key.get()) == 1) key->reset();
  const bool is_new = !*key;
  if (is_new) {
    auto made = make_private_key(order.type);
    if (!made) return fail(made.error());
    if (auto saved = save_account(next_account_keys_, order.ca, *made); !saved) return fail(saved.error());
    *key = std::move(*made);
  }
  auto thumbprint = thumbprint_of(**key);
  if (!thumbprint) return fail(thumbprint.error());
  account->second.next = std::move(**key);
  return ready(std::move(*thumbprint), is_new, true);
}

Result<KeeperAnswer> Keeper::carry_out(const AdoptNextKey& order) {
  const auto account = accounts_.find(order.ca);
  if (account == accounts_.end() || !account->second.next)
    return fail(Error::refused("there is no next key of that CA in use"));
  if (auto saved = save_account(account_keys_, order.ca, account->second.next); !saved)
    return fail(saved.error());
  account->second.key = std::move(account->second.next);
  if (auto forgotten = next_account_keys_.forget(order.ca); !forgotten) return fail(forgotten.error());
  return KeeperDone{};
}

Result<KeeperAnswer> Keeper::carry_out(const UseCertificateKey& order) {
  if (auto good = check_origin(order.origin); !good) return fail(good.error());
  auto key = given_or_kept_key(order, certificate_keys_);
  if (!key) return fail(key.error());
  if (public_key_of(*key) != order.public_key)
    return fail(Error::invalid("the private key is not that of the certificate"));
  accounts_.insert_or_assign(order.ca,
                             Account{.key = nullptr, .origin = order.origin, .certificate = std::move(*key)});
  return KeeperDone{};
}

Result<KeeperAnswer> Keeper::carry_out(const ExportAccount& order) {
  const auto key = load_account(account_keys_, order.ca);
  if (!key) return fail(key.error());
  if (!*key) return fail(Error::refused("there is no account key " + account_keys_.path_of(order.ca)));
  auto text = order.form == KeyForm::pem ? pem_of(**key) : private_jwk_of(**key);
  if (!text) return fail(text.error());
  return KeyTaken{std::move(*text)};
}

Result<KeeperAnswer> Keeper::carry_out(const ImportAccount& order) {
  const bool is_json =
      order.key.text().substr(0, order.key.text().find_first_not_of(" \t\r\n") + 1).ends_with('{');
  auto key = is_json ? private_key_from_jwk(order.key) : private_key_from(order.key);
  if (!key) return fail(key.error());
  auto thumbprint = thumbprint_of(*key);
  if (!thumbprint) return fail(thumbprint.error());
  const auto stored = account_keys_.load(order.ca);
  if (!stored) return fail(stored.error());
  if (*stored) {
    const auto held = load_account(account_keys_, order.ca);
    if (held && *held && EVP_PKEY_eq((*held)->get(), key->get()) == 1)
      return ready(std::move(*thumbprint), false, false);
    return fail(Error::refused(
        fmt::format("{} is there already, with another key; move it away if it is not needed any more",
                    account_keys_.path_of(order.ca))));
  }
  if (!order.is_trial)
    if (auto saved = save_account(account_keys_, order.ca, *key); !saved) return fail(saved.error());
  return ready(std::move(*thumbprint), true, false);
}

// ---- signatures

Result<const Keeper::Account*> Keeper::signer_for(const std::string& ca, std::string_view url) const {
  const auto account = accounts_.find(ca);
  if (account == accounts_.end()) return fail(Error::refused("no account of that CA is in use"));
  if (!is_below(url, account->second.origin))
    return fail(Error::refused("signatures of this account are given only for URLs below " +
                               account->second.origin + "/"));
  return &account->second;
}

Result<SignatureAnswer> Keeper::carry_out(const SignJws& order) const {
  const auto account = signer_for(order.ca, order.url);
  if (!account) return fail(account.error());
  const PrivateKey& key = order.key == SigningKey::account        ? (*account)->key
                          : order.key == SigningKey::next_account ? (*account)->next
                                                                  : (*account)->certificate;
  if (!key) return fail(Error::refused("that key is not in use"));
  if (order.nonce.empty()) return fail(Error::invalid("a signature needs a nonce"));
  auto jws = sign_jws(key, {order.url, order.nonce, order.kid}, order.payload);
  if (!jws) return fail(jws.error());
  return Signed{std::move(*jws)};
}

Result<SignatureAnswer> Keeper::carry_out(const BindAccount& order) const {
  const auto account = signer_for(order.ca, order.url);
  if (!account) return fail(account.error());
  const auto secrets = secrets_.find(order.ca);
  if (secrets == secrets_.end() || !secrets->second.eab_key || secrets->second.eab_key->empty())
    return fail(Error::refused("there is no key for external account binding"));
  if (!(*account)->key) return fail(Error::refused("that key is not in use"));
  // The only thing that is ever signed with it: the account's public key.
  const auto jwk = jwk_of((*account)->key);
  if (!jwk) return fail(jwk.error());
  auto jws = mac_jws(*secrets->second.eab_key, (*account)->eab_mac, {order.url, "", order.kid}, *jwk);
  if (!jws) return fail(jws.error());
  return Signed{std::move(*jws)};
}

Result<SignatureAnswer> Keeper::carry_out(const SignKeyChange& order) const {
  const auto account = signer_for(order.ca, order.url);
  if (!account) return fail(account.error());
  if (!is_below(order.account_url, (*account)->origin))
    return fail(Error::refused("an account of another origin"));
  if (!(*account)->next) return fail(Error::refused("there is no next key in use"));
  const auto jwk = jwk_of((*account)->key);
  if (!jwk) return fail(jwk.error());
  // The URL takes its place between quotes only if sign_jws() finds it as harmless as a header's.
  if (order.account_url.find_first_of("\"\\") != std::string::npos)
    return fail(Error::invalid("the account's URL holds a character that is never signed"));
  const auto payload = fmt::format(R"({{"account":"{}","oldKey":{}}})", order.account_url, *jwk);
  auto jws = sign_jws((*account)->next, {order.url, "", ""}, payload);
  if (!jws) return fail(jws.error());
  return Signed{std::move(*jws)};
}

}  // namespace certlatch
