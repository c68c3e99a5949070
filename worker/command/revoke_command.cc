// SPDX-License-Identifier: MIT
// `certlatch revoke`
#include <fmt/format.h>

#include <algorithm>

#include "worker/command/command_run.h"
#include "worker/command/key_file.h"
#include "worker/run/accounts.h"

namespace certlatch {
namespace {

struct Options {
  std::vector<std::string> names;
  std::string reason = "unspecified";
  std::string key_file;
  bool by_certificate_key = false;
  bool ends_authorizations = false;
};

int run_revoke(const Setting& setting, const Options& options) {
  auto config = configuration(setting);
  if (!config) return kUsage;
  // One that has left the configuration can be revoked as long as it is kept.
  const auto& name = options.names.front();
  CertificateConfig certificate{.name = name};
  if (const auto* configured = config->certificate(name)) {
    certificate = *configured;
  } else {
    const auto store = Store::open(setting.state);
    if (!store) return complain(kFailed, store.error().message);
    const auto kept = store->certificates();
    if (std::ranges::find(kept, name) == kept.end())
      return complain(kUsage, fmt::format("{} has no [certificate {}], and nothing is kept of one",
                                          setting.config, name));
  }
  const auto reason = revocation_reason(options.reason);
  if (!reason)
    return complain(kUsage,
                    fmt::format("`{}` is no reason; there are unspecified, keyCompromise, "
                                "affiliationChanged, superseded, cessationOfOperation and privilegeWithdrawn",
                                options.reason));
  Revocation revocation{.reason = *reason};
  if (options.by_certificate_key || !options.key_file.empty()) revocation.by = RevokeBy::certificate_key;
  if (!options.key_file.empty()) {
    auto key = read_key_file(options.key_file);
    if (!key) return complain(kFailed, key.error().message);
    revocation.key = std::move(*key);
  }
  int code = kDone;
  auto command_run = CommandRun::start(setting, std::move(*config), code);
  if (!command_run) return code;
  Run run = command_run->run();
  const auto done = revoke(run, certificate, std::move(revocation));
  if (done && options.ends_authorizations)
    if (auto ended = end_authorizations(run, certificate); !ended)
      return complain(kFailed, fmt::format("{}: revoked, but its authorizations stay: {}", certificate.name,
                                           ended.error().message));
  return done ? kDone : complain(kFailed, fmt::format("{}: {}", certificate.name, done.error().message));
}

}  // namespace

void add_revoke_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto& revoke = line.add("revoke", "have a certificate revoked", options, run_revoke);
  revoke
      .add_option("--reason", options->reason,
                  "unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation or "
                  "privilegeWithdrawn, or its number in RFC 5280 (unspecified)")
      ->option_text("REASON");
  revoke.add_flag("--by-certificate-key", options->by_certificate_key,
                  "signed with the certificate's key, while it is kept, instead of the account's");
  revoke
      .add_option("--key", options->key_file,
                  "signed with this key of the certificate's; - for standard input")
      ->option_text("FILE");
  revoke.add_flag("--deactivate-authorizations", options->ends_authorizations,
                  "besides, have the CA forget that the names were proven");
  revoke.add_option("NAME", options->names, "of a [certificate NAME] section")->required()->expected(1);
}

}  // namespace certlatch
