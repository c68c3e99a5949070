// SPDX-License-Identifier: MIT
// What certbot's files say about renewing: renewal/NAME.conf and cli.ini, in the syntax of Python's
// configobj, and an account's regr.json. Touches nothing but its arguments, which may be any bytes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace certlatch {

struct CertbotRenewal {
  std::string server;   // the CA's directory
  std::string account;  // the id of its account
  std::string authenticator;
  std::string installer;              // empty: none
  std::vector<std::string> webroots;  // each once
  std::string dns_credentials;        // the path of those that a plugin for the DNS is told
  std::string key_type, rsa_key_size, elliptic_curve;
  std::string preferred_chain;
  std::string profile;  // preferred or required
  // Commands of a shell, run by root; of cli.ini where the lineage has none.
  std::string pre_hook, deploy_hook, post_hook;
  bool reuse_key = false;
  bool is_renewed = true;  // false: `autorenew = False`
  bool must_staple = false;
};

using CertbotKeys = std::map<std::string, std::vector<std::string>>;
struct CertbotText {
  CertbotKeys keys;                             // before any section
  std::map<std::string, CertbotKeys> sections;  // by the name within the brackets, however many
};

/// Kind::invalid with the line that is not understood. The dashes in a key's name become underscores,
/// but for those of [[webroot_map]], which are host names.
[[nodiscard]] Result<CertbotText> read_certbot_text(std::string_view text);

/// `defaults` is cli.ini, or empty.
[[nodiscard]] Result<CertbotRenewal> read_certbot_renewal(std::string_view text, std::string_view defaults);

struct CertbotRegistration {
  std::string url;  // of the account; empty when it is not to be trusted to be one at `server`
  std::vector<std::string> contact;  // mail addresses
};
/// Empty where the file does not say.
[[nodiscard]] CertbotRegistration read_certbot_registration(std::string_view json, std::string_view server);

}  // namespace certlatch
