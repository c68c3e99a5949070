// SPDX-License-Identifier: MIT
// What is proposed in the place of certbot's plugins for the DNS. Their files of credentials are never
// opened: a person is told which file of certlatch's gets what.
#pragma once

#include <string>
#include <string_view>

namespace certlatch {

struct CertbotDns {
  std::string authenticator;  // "dns-cloudflare"
  std::string credentials;    // the path that the renewal names; may be empty, and is any text
  std::string zone;           // that the names are likely to be in
};

struct ProposedDns {
  std::string section;   // of the configuration, with its heading
  std::string sentence;  // what is left to do
};

/// `name` is the section's.
[[nodiscard]] ProposedDns dns_in_place_of(const CertbotDns& certbot, std::string_view name);

}  // namespace certlatch
