// SPDX-License-Identifier: MIT
#include "worker/run/helpers.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace certlatch {
namespace {

constexpr std::chrono::seconds kSendDeadline{10};

struct Staging {
  std::string_view directory;
  std::string_view staging;
};
constexpr Staging kStagings[] = {{"https://acme-v02.api.letsencrypt.org/directory",
                                  "https://acme-staging-v02.api.letsencrypt.org/directory"}};

std::string origin_of(const std::string& url) {
  constexpr std::string_view kScheme = "https://";
  return url.substr(0, std::min(url.find_first_of("/?", kScheme.size()), url.size()));
}

}  // namespace

std::string directory_of(const CaConfig& ca, Trial trial) {
  if (trial == Trial::no) return ca.directory;
  if (!ca.staging.empty()) return ca.staging;
  const auto* found = std::ranges::find(kStagings, ca.directory, &Staging::directory);
  return found == std::end(kStagings) ? "" : std::string(found->staging);
}

UseAccount account_of(const CaConfig& ca, Trial trial) {
  return {ca.name, origin_of(directory_of(ca, trial)), ca.account_key, ca.eab_mac, trial == Trial::yes};
}

Result<void> Helpers::join() {
  if (between_) return {};
  auto pair = joined_sockets();
  if (!pair) return fail(pair.error());
  between_.emplace(std::move(*pair));
  return {};
}

Result<void> Helpers::start_keeper() {
  if (keeper) return {};
  if (auto joined = join(); !joined) return joined;
  auto process = run_.peers.start_keeper(std::move(between_->one));
  if (!process) return fail(process.error());
  keeper.emplace(std::move(*process));
  KeeperStart start{run_.store.accounts_directory(), run_.store.certificates_directory(), {}};
  for (const CaConfig& ca : run_.config.cas)
    if (!ca.eab_key_file.empty() || !ca.passphrase_file.empty())
      start.secrets.push_back({ca.name, ca.eab_key_file, ca.passphrase_file});
  return keeper->start(std::move(start));
}

Result<void> Helpers::start_acme() {
  if (acme) return {};
  if (auto joined = join(); !joined) return joined;
  auto process = run_.peers.start_acme(std::move(between_->other));
  if (!process) return fail(process.error());
  acme.emplace(std::move(*process));
  return {};
}

CaSettings Helpers::settings_of(const CaConfig& ca) {
  CaSettings settings{.name = ca.name,
                      .directory = directory_of(ca, run_.trial),
                      .roots = ca.roots,
                      .contact = ca.contact,
                      .agree = ca.agree,
                      .account_url = {},
                      .proxy = ca.proxy,
                      .preferred_chain = ca.preferred_chain,
                      .eab_kid = run_.trial == Trial::yes ? "" : ca.eab_kid,
                      .makes_account = makes_accounts_};
  if (run_.trial == Trial::yes) return settings;
  if (auto url = run_.store.account_url(ca.name)) {
    settings.account_url = std::move(*url);
  } else {
    run_.report.problem(url.error().message);
    run_.outcome.note(Trouble::other);
  }
  return settings;
}

Result<void> Helpers::tell_acme() {
  if (is_told_) return {};
  AcmeStart start{.cas = {}, .user_agent = run_.config.user_agent, .parallel = run_.config.parallel};
  if (start.user_agent.empty()) start.user_agent = "certlatch/" CERTLATCH_VERSION;
  for (const CaConfig& ca : run_.config.cas) start.cas.push_back(settings_of(ca));
  auto sent = acme->channel().send(AcmeOrder(std::move(start)), in(kSendDeadline));
  if (!sent) return fail(acme->explain(sent.error()));
  is_told_ = true;
  return {};
}

}  // namespace certlatch
