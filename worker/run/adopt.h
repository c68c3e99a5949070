// SPDX-License-Identifier: MIT
// Certificates and accounts of another ACME client, put into the state directory as if they had been got
// here.
#pragma once

#include <string>
#include <vector>

#include "protocol/secret.h"
#include "worker/run/helpers.h"

namespace certlatch {

enum class Replace : std::uint8_t { no, yes };  // what is kept of the certificate already

struct AdoptedCertificate {
  std::vector<std::string> names;
  KeyType key = KeyType::ecdsa_p256;
  Seconds not_after = 0;
  Seconds renewal = 0;
  bool was_there = false;  // the very same: nothing was changed
};

/// What acme, which is started and told, says of a certificate; the leaf comes first.
[[nodiscard]] Result<ChainRead> read_chain(Helpers& helpers, std::string chain);

/// Both helpers are started, and acme told, by the caller. With Trial::yes all is looked at and nothing is
/// stored.
class Adoption {
 public:
  Adoption(Run& run, Helpers& helpers) : run_(run), helpers_(helpers) {}

  /// `ca` is the name of a [ca] section, `account_url` may be empty: then it is looked up with the key.
  /// Refused when there is another account already. False: it is the one that is there.
  [[nodiscard]] Result<bool> take_account(const std::string& ca, Secret key, const std::string& account_url);

  /// `chain` begins with the leaf; `key` fits it or is refused. Kind::conflict when another certificate is
  /// kept under this name and is not to be replaced.
  [[nodiscard]] Result<AdoptedCertificate> take_certificate(const std::string& name, const std::string& ca,
                                                            std::string chain, Secret key, Replace replace);

 private:
  Run& run_;
  Helpers& helpers_;
};

}  // namespace certlatch
