// SPDX-License-Identifier: MIT
// The orders to the keeper, as calls.
#pragma once

#include <string>

#include "worker/keeper/messages.h"
#include "worker/role/helper_process.h"

namespace certlatch {

class KeeperClient {
 public:
  explicit KeeperClient(HelperProcess process) : process_(std::move(process)) {}

  /// The first call; it is not answered, and a failure shows with the next.
  [[nodiscard]] Result<void> start(KeeperStart start);
  [[nodiscard]] Result<AccountReady> use_account(UseAccount order);
  [[nodiscard]] Result<AccountReady> use_next_key(UseNextKey order);
  [[nodiscard]] Result<void> adopt_next_key(const std::string& ca);
  [[nodiscard]] Result<void> use_certificate_key(UseCertificateKey order);
  [[nodiscard]] Result<Secret> export_account(const std::string& ca, KeyForm form);
  [[nodiscard]] Result<AccountReady> import_account(ImportAccount order);
  [[nodiscard]] Result<KeyType> import_key(ImportKey order);
  /// The certificate signing request, DER.
  [[nodiscard]] Result<std::string> make_request(MakeRequest order);
  [[nodiscard]] Result<Secret> take_key(const std::string& certificate);
  [[nodiscard]] Result<void> forget_key(const std::string& certificate);

 private:
  template <class Wanted>
  Result<Wanted> ask(const KeeperOrder& order);
  HelperProcess process_;
};

}  // namespace certlatch
