// SPDX-License-Identifier: MIT
// certbot's directory, opened and not yet read. The files are root's as a rule: root opens them, gives root
// up, and looks at what is in them as the worker's user only. Nothing of their contents decides what is
// opened.
//
// Links are followed as far as they stay within the directory; those with certbot's own absolute path count
// as such, so that a copy of the directory may lie anywhere.
#pragma once

#include <string>
#include <vector>

#include "protocol/result.h"
#include "protocol/secret.h"
#include "protocol/unique_fd.h"

namespace certlatch {

inline constexpr std::size_t kMaxCertbotFileBytes = 48 * 1024;

struct CertbotLineage {
  std::string name;     // renewal/NAME.conf
  UniqueFd renewal;     // that file
  UniqueFd chain;       // live/NAME/fullchain.pem
  UniqueFd key;         // live/NAME/privkey.pem
  std::string trouble;  // why one of them is not there; then none may be
  unsigned key_mode = 0600;
  std::string key_group = "root";
};

struct CertbotAccount {
  std::string place;  // "acme-v02.api.letsencrypt.org/directory/0123abcd": the CA's URL and the account's id
  UniqueFd key;       // private_key.json
  UniqueFd registration;  // regr.json; closed when there is none
};

struct CertbotFiles {
  std::string path;
  std::vector<CertbotLineage> lineages;  // by name
  std::vector<CertbotAccount> accounts;
  UniqueFd defaults;                                             // cli.ini; closed when there is none
  std::vector<std::string> pre_hooks, deploy_hooks, post_hooks;  // programs below renewal-hooks/, by path
};

/// Kind::refused when this user may not enter it, with what to do; Kind::invalid when it is not a directory
/// of certbot's.
[[nodiscard]] Result<CertbotFiles> open_certbot_files(const std::string& path);

// Of a file that was opened above, from its start. Kind::invalid beyond kMaxCertbotFileBytes.
[[nodiscard]] Result<std::string> text_of_file(const UniqueFd& file);
[[nodiscard]] Result<Secret> secret_of_file(const UniqueFd& file);

}  // namespace certlatch
