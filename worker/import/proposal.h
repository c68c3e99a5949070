// SPDX-License-Identifier: MIT
// How certlatch would be told what certbot's files say: sections of the configuration and of the policy, and
// in words what is left for a person.
#pragma once

#include <string>
#include <vector>

#include "worker/import/certbot_settings.h"
#include "worker/import/sections.h"
#include "worker/state/config.h"

namespace certlatch {

/// One certificate of certbot's, as far as it could be read.
struct CertbotCertificate {
  std::string name;
  std::vector<std::string> names;
  KeyType key = KeyType::ecdsa_p256;
  CertbotRenewal renewal;
  unsigned key_mode = 0600;
  std::string key_group = "root";
};

struct CertbotHooks {  // programs below renewal-hooks/
  std::vector<std::string> pre, deploy, post;
};

struct Proposal {
  std::string configuration;  // sections that the configuration lacks
  std::vector<ProposedOpening> openings;
  std::vector<ProposedInstall> installs;
  std::vector<std::string> remarks;  // sentences
};

struct CertbotCa {
  std::string directory;
  std::string name;                  // of its [ca]
  std::vector<std::string> contact;  // of its account
};
/// The configuration's name of a [ca] with that directory, or a new one that neither the configuration nor
/// one of `others` has.
[[nodiscard]] std::string ca_name_for(const Config& config, const std::string& directory,
                                      const std::vector<CertbotCa>& others);

/// `path` is certbot's directory; `cas` has those of all certificates.
[[nodiscard]] Proposal propose(const Config& config, const std::string& path,
                               const std::vector<CertbotCertificate>& certificates,
                               const std::vector<CertbotCa>& cas, const CertbotHooks& hooks);

}  // namespace certlatch
