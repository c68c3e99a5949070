// SPDX-License-Identifier: MIT
// `certlatch account ...` and `certlatch revoke`: what a person does with accounts and certificates besides
// renewing. Each says what was done, or returns why it was not.
#pragma once

#include <cstdint>
#include <string>

#include "worker/run/helpers.h"
#include "worker/run/work.h"

namespace certlatch {

/// Shows the account, gives it the configuration's contacts, or ends it for good.
[[nodiscard]] Result<AccountShown> ask_account(Run& run, const CaConfig& ca, AccountAction action);

/// What the CA says of itself; no account is needed for it.
[[nodiscard]] Result<DirectoryShown> ask_directory(Run& run, const CaConfig& ca);

/// Gives the account a fresh key, or goes on with a change that was interrupted.
[[nodiscard]] Result<void> roll_account_over(Run& run, const CaConfig& ca);

[[nodiscard]] Result<Secret> export_account(Run& run, const CaConfig& ca, KeyForm form);
[[nodiscard]] Result<void> import_account(Run& run, const CaConfig& ca, Secret key);

enum class RevokeBy : std::uint8_t { account, certificate_key };
struct Revocation {
  std::uint8_t reason = 0;  // RFC 5280, section 5.3.1
  RevokeBy by = RevokeBy::account;
  Secret key{};  // the certificate's, PEM; empty: the one that is kept
};
/// Asks the CA that issued it to revoke the certificate that is in the state directory, and forgets it: the
/// next run gets another one.
[[nodiscard]] Result<void> revoke(Run& run, const CertificateConfig& certificate, Revocation revocation);

/// Has the CA that issued it forget what it holds to be proven of the certificate's names.
[[nodiscard]] Result<void> end_authorizations(Run& run, const CertificateConfig& certificate);

/// "keyCompromise" and the like (RFC 5280, section 5.3.1), or their numbers; nothing when a CA would not take
/// it.
[[nodiscard]] std::optional<std::uint8_t> revocation_reason(std::string_view name);

}  // namespace certlatch
