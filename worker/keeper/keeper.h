// SPDX-License-Identifier: MIT
// What the keeper does for each order, apart from how orders reach it (keeper_role.cc).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "protocol/result.h"
#include "worker/keeper/key_store.h"
#include "worker/keeper/messages.h"
#include "worker/keeper/openssl_types.h"

namespace certlatch {

class Keeper {
 public:
  /// Opens the two directories and reads the secrets' files. prepare_key_memory() must have run.
  [[nodiscard]] static Result<Keeper> open(const KeeperStart& start);

  /// The main process's orders. KeeperStart is out of turn here.
  [[nodiscard]] KeeperAnswer answer(const KeeperOrder& order);
  /// The acme process's: only for accounts that the main process named, only for URLs below their origin.
  [[nodiscard]] SignatureAnswer answer(const SignatureOrder& order) const;

 private:
  struct Account {
    PrivateKey key;  // none when only a certificate's key is in use
    std::string origin;
    MacType eab_mac = MacType::hs256;
    PrivateKey next = nullptr;         // to follow `key`
    PrivateKey certificate = nullptr;  // that may sign a revocation
  };
  /// What the secrets' files of one CA hold; an error when one of them could not be read.
  struct Secrets {
    Result<Secret> eab_key;  // decoded; empty: there is none
    Result<Secret> passphrase;
  };
  Keeper(KeyStore accounts, KeyStore next_accounts, KeyStore certificates)
      : account_keys_(std::move(accounts)),
        next_account_keys_(std::move(next_accounts)),
        certificate_keys_(std::move(certificates)) {}
  Result<KeeperAnswer> carry_out(const KeeperStart&);
  Result<KeeperAnswer> carry_out(const UseAccount& order);
  Result<KeeperAnswer> carry_out(const MakeRequest& order);
  Result<KeeperAnswer> carry_out(const TakeKey& order);
  Result<KeeperAnswer> carry_out(const ForgetKey& order);
  Result<KeeperAnswer> carry_out(const UseNextKey& order);
  Result<KeeperAnswer> carry_out(const AdoptNextKey& order);
  Result<KeeperAnswer> carry_out(const UseCertificateKey& order);
  Result<KeeperAnswer> carry_out(const ExportAccount& order);
  Result<KeeperAnswer> carry_out(const ImportAccount& order);
  Result<KeeperAnswer> carry_out(const ImportKey& order);
  Result<SignatureAnswer> carry_out(const SignJws& order) const;
  Result<SignatureAnswer> carry_out(const BindAccount& order) const;
  Result<SignatureAnswer> carry_out(const SignKeyChange& order) const;
  /// The account that signatures are asked of, for that URL.
  [[nodiscard]] Result<const Account*> signer_for(const std::string& ca, std::string_view url) const;
  /// nullptr when account keys of this CA are not encrypted.
  [[nodiscard]] Result<const Secret*> passphrase_of(const std::string& ca) const;
  [[nodiscard]] Result<std::optional<PrivateKey>> load_account(const KeyStore& store,
                                                               const std::string& ca) const;
  [[nodiscard]] Result<void> save_account(KeyStore& store, const std::string& ca,
                                          const PrivateKey& key) const;

  KeyStore account_keys_;
  KeyStore next_account_keys_;
  KeyStore certificate_keys_;
  std::map<std::string, Secrets> secrets_;   // by CA
  std::map<std::string, Account> accounts_;  // by CA
};

}  // namespace certlatch
