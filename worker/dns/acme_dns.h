// SPDX-License-Identifier: MIT
// acme-dns: a name server for nothing but challenges. `_acme-challenge.NAME` is a CNAME to a record of its
// own, made once; it keeps the last two values, and what is old need not be taken away.
#pragma once

#include <map>
#include <string>

#include "protocol/secret.h"
#include "worker/dns/https_api.h"
#include "worker/dns/provider.h"

namespace certlatch {

class AcmeDns : public Provider {
 public:
  /// `accounts` is what the server answered to the registration, or such answers by domain.
  [[nodiscard]] static Result<std::unique_ptr<Provider>> from(std::string base, std::string roots,
                                                              const Secret& accounts);
  [[nodiscard]] Result<void> change(const UpdateRecord& record, Deadline deadline) override;

 private:
  struct Account {
    std::string user;
    Secret key;
    std::string subdomain;
  };
  AcmeDns(std::string base, std::string roots) : api_(std::move(base), std::move(roots)) {}
  static bool read_account(const nlohmann::json& json, Account& account);
  HttpsApi api_;
  std::map<std::string, Account> accounts_;  // by domain; "" is for all
};

}  // namespace certlatch
