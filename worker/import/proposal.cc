// SPDX-License-Identifier: MIT
#include "worker/import/proposal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "worker/import/certbot_dns.h"
#include "worker/import/list_lines.h"
#include "worker/state/host_name.h"

namespace certlatch {
namespace {

struct KnownCa {
  std::string_view directory, name;
};
constexpr KnownCa kKnownCas[] = {
    {"https://acme-v02.api.letsencrypt.org/directory", "letsencrypt"},
    {"https://acme-staging-v02.api.letsencrypt.org/directory", "letsencrypt-staging"},
    {"https://acme.zerossl.com/v2/DV90", "zerossl"},
    {"https://api.buypass.com/acme/directory", "buypass"}};

std::string_view text_of(KeyType type) {
  switch (type) {
    case KeyType::ecdsa_p256:
    case KeyType::ed25519:
      break;
    case KeyType::ecdsa_p384:
      return "ecdsa-p384";
    case KeyType::rsa_2048:
      return "rsa-2048";
    case KeyType::rsa_3072:
      return "rsa-3072";
    case KeyType::rsa_4096:
      return "rsa-4096";
  }
  return "ecdsa-p256";
}

std::string without_line_ends(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

class Proposer {
 public:
  Proposer(const Config& config, const std::string& path, const CertbotHooks& hooks)
      : config_(config), path_(path), hooks_(hooks) {}

  void add_ca(const CertbotCa& ca, const std::vector<CertbotCertificate>& certificates) {
    const auto& [directory, name, contact] = ca;
    cas_[directory] = name;
    if (config_.ca(name) != nullptr) return;
    auto& text = proposal_.configuration;
    text += fmt::format("[ca {}]\ndirectory = {}\n", name, directory);
    text += list_lines("contact", contact);
    text += "agree     = yes   # as you did when certbot made the account\n";
    std::set<std::string> chains;
    for (const auto& certificate : certificates)
      if (certificate.renewal.server == ca.directory && !certificate.renewal.preferred_chain.empty())
        chains.insert(certificate.renewal.preferred_chain);
    if (chains.size() == 1 && chains.begin()->find_first_of("#;") == std::string::npos)
      text += fmt::format("chain     = {}\n", *chains.begin());
    if (chains.size() > 1)
      remark(fmt::format("ca {}: certbot's certificates prefer different chains ({}); `chain` is one for all",
                         name, fmt::join(chains, ", ")));
    if (std::ranges::find(kKnownCas, directory, &KnownCa::directory) == std::end(kKnownCas))
      text += "# roots   = FILE  # if its own HTTPS stands on a private CA\n";
    text += '\n';
  }

  void add(const CertbotCertificate& certificate) {
    const auto& renewal = certificate.renewal;
    ProposedInstall install{certificate.name,
                            certificate.names,
                            fmt::format("root:{}", certificate.key_group),
                            fmt::format("{:04o}", certificate.key_mode),
                            {}};
    std::string text = fmt::format("[certificate {}]\n{}ca        = {}\n", certificate.name,
                                   list_lines("names", certificate.names), cas_.at(renewal.server));
    text += challenge_lines(certificate);
    text += fmt::format("install   = {}\n", certificate.name);
    if (certificate.key != KeyType::ecdsa_p256)
      text += fmt::format("key       = {}\n", text_of(certificate.key));
    if (renewal.reuse_key) text += "reuse key = yes\n";
    if (!renewal.profile.empty() && is_word(renewal.profile))
      text += fmt::format("profile   = {}\n", renewal.profile);
    text += hook_lines(certificate, install);
    if (const auto* configured = config_.certificate(certificate.name))
      compare(*configured, certificate);
    else
      proposal_.configuration += text + '\n';
    if (renewal.installer == "nginx") want(install, {"nginx"});
    if (renewal.installer == "apache") want(install, {"apache2"});
    proposal_.installs.push_back(std::move(install));
    if (!renewal.is_renewed)
      remark(fmt::format("{}: certbot was told not to renew it (autorenew = False); certlatch would",
                         certificate.name));
    if (renewal.must_staple)
      remark(fmt::format("{}: it asks for OCSP must-staple, which certlatch does not and CAs have given up",
                         certificate.name));
  }

  Proposal take() {
    for (const auto& [kind, programs] :
         {std::pair{"before", &hooks_.pre}, std::pair{"deployed", &hooks_.deploy},
          std::pair{"after", &hooks_.post}})
      for (const auto& program : *programs)
        remark(fmt::format(
            "{}: certbot ran it as root for every certificate; `{} = ` in a certificate's section runs "
            "a program as the worker's user, and a service is reloaded by its [service] of the policy",
            program, kind));
    if (!proposal_.installs.empty())
      remark(
          fmt::format("where a server's configuration has {}/live/NAME, write /etc/ssl/certlatch/NAME/live: "
                      "the files have the "
                      "same names there, as soon as `certlatch renew` has run. Keep {} for what else servers "
                      "include from it",
                      path_, path_));
    return std::move(proposal_);
  }

 private:
  void remark(std::string sentence) {
    if (std::ranges::find(proposal_.remarks, sentence) == proposal_.remarks.end())
      proposal_.remarks.push_back(std::move(sentence));
  }

  static bool is_word(std::string_view text) {
    return !text.empty() && text.find_first_of(" \t#;\n") == text.npos;
  }

  static void want(ProposedInstall& install, const ProposedService& service) {
    const auto known = std::ranges::find(install.services, service.name, &ProposedService::name);
    if (known == install.services.end())
      install.services.push_back(service);
    else
      known->is_restarted |= service.is_restarted;
  }

  std::string opening_lines(bool is_shared) {
    // An opening that is in use already is likely to be the right one.
    const auto used = std::ranges::find_if(config_.certificates, [](const auto& one) {
      return !one.opening.empty() && one.challenge == ChallengeType::http_01;
    });
    const std::string name = used == config_.certificates.end() ? "http" : used->opening;
    auto& openings = proposal_.openings;
    if (openings.empty()) openings.push_back({name, false});
    openings.front().is_shared |= is_shared;
    return fmt::format("challenge = http-01\nopening   = {}\n", name);
  }

  std::string challenge_lines(const CertbotCertificate& certificate) {
    const auto& renewal = certificate.renewal;
    const auto& authenticator = renewal.authenticator;
    const bool has_wildcard =
        std::ranges::any_of(certificate.names, [](const auto& name) { return is_wildcard(name); });
    if (has_wildcard || authenticator.starts_with("dns-")) return dns_lines(certificate);
    if (authenticator == "webroot" && renewal.webroots.size() == 1) {
      const auto& webroot = renewal.webroots.front();
      remark(
          fmt::format("{0}: the worker must be able to write its challenges: sudo install -d -o certlatch "
                      "{0}/.well-known/acme-challenge",
                      webroot));
      return fmt::format("challenge = http-01\nwebroot   = {}\n", webroot);
    }
    if (authenticator == "webroot")
      remark(
          fmt::format("{}: its names have webroots of their own ({}), and a section has one: an opening is "
                      "proposed instead; or make a section for each webroot",
                      certificate.name, fmt::join(renewal.webroots, ", ")));
    else if (authenticator != "standalone" && authenticator != "nginx" && authenticator != "apache")
      remark(
          fmt::format("{}: certbot's authenticator `{}` is not known here; an opening of port 80 is proposed",
                      certificate.name, authenticator));
    return opening_lines(authenticator != "standalone");
  }

  std::string dns_lines(const CertbotCertificate& certificate) {
    const auto& authenticator = certificate.renewal.authenticator;
    const auto& credentials = certificate.renewal.dns_credentials;
    const auto [known, is_new] = dns_.try_emplace({authenticator, credentials});
    if (is_new) {
      known->second = dns_name_for(authenticator);
      const auto proposed =
          dns_in_place_of({authenticator, credentials, zone_of(certificate)}, known->second);
      if (config_.dns(known->second) == nullptr) {
        proposal_.configuration += proposed.section + '\n';
        remark(proposed.sentence);
      }
    }
    remark(fmt::format("{}: certbot proved its names by the DNS, with `{}`: see [dns {}]", certificate.name,
                       authenticator, known->second));
    return fmt::format("challenge = dns-01\ndns       = {}\n", known->second);
  }

  /// A section for each plugin, and for each file of credentials that it is told.
  [[nodiscard]] std::string dns_name_for(const std::string& authenticator) const {
    const auto base = authenticator.starts_with("dns-") && fault_of_label(authenticator.substr(4)).empty()
                          ? authenticator.substr(4)
                          : std::string("records");
    const auto is_taken = [&](const std::string& name) {
      return std::ranges::any_of(dns_, [&](const auto& one) { return one.second == name; });
    };
    std::string name = base;
    for (int i = 2; is_taken(name); ++i) name = fmt::format("{}-{}", base, i);
    return name;
  }

  /// The shortest of the names: certbot does not say where zones begin.
  static std::string zone_of(const CertbotCertificate& certificate) {
    std::string zone;
    for (const auto& name : certificate.names) {
      const auto host = is_wildcard(name) ? name.substr(2) : name;
      if (zone.empty() || host.size() < zone.size()) zone = host;
    }
    return zone;
  }

  std::string hook_lines(const CertbotCertificate& certificate, ProposedInstall& install) {
    std::string text;
    for (const auto& [key, command] : {std::pair{"before", &certificate.renewal.pre_hook},
                                       std::pair{"deployed", &certificate.renewal.deploy_hook},
                                       std::pair{"after", &certificate.renewal.post_hook}}) {
      if (command->empty()) continue;
      const auto actions = service_actions_of(*command);
      if (!actions) {
        text += fmt::format("# {:<7} = {}\n", key, without_line_ends(*command));
        remark(fmt::format(
            "{}: certbot ran `{}` in a shell and as root. `{} = ` runs a program by its absolute "
            "path, without a shell, as the worker's user; if it only reloads a service, make that a "
            "[service] of the policy and name it in the [install]'s `services`",
            certificate.name, without_line_ends(*command), key));
        continue;
      }
      for (const auto& action : *actions) {
        if (action.verb == "reload" || action.verb == "restart")
          want(install, {action.service, action.verb == "restart"});
        else if (action.verb == "stop")
          remark(
              fmt::format("{}: certbot stopped {} for the challenge; with `share = yes` in the [open] of the "
                          "policy it goes on, and is reloaded afterwards",
                          certificate.name, action.service));
        // What was stopped has read the pair when it started again.
        if (action.verb == "stop") {
          want(install, {action.service, false});
          for (auto& opening : proposal_.openings) opening.is_shared = true;
        }
      }
    }
    return text;
  }

  void compare(const CertificateConfig& configured, const CertbotCertificate& certificate) {
    auto here = configured.names, there = certificate.names;
    std::ranges::sort(here);
    std::ranges::sort(there);
    if (here != there)
      remark(fmt::format(
          "{}: the configuration's section has other names than the certificate ({}): the next run "
          "asks for another one",
          configured.name, fmt::join(certificate.names, " ")));
    if (std::ranges::find(configured.cas, cas_.at(certificate.renewal.server)) == configured.cas.end())
      remark(fmt::format("{}: the configuration's section has another CA than {}: the next run asks that one",
                         configured.name, certificate.renewal.server));
  }

  const Config& config_;
  const std::string& path_;
  const CertbotHooks& hooks_;
  std::map<std::string, std::string> cas_;                          // names by directory
  std::map<std::pair<std::string, std::string>, std::string> dns_;  // names by plugin and credentials
  Proposal proposal_;
};

}  // namespace

std::string ca_name_for(const Config& config, const std::string& directory,
                        const std::vector<CertbotCa>& others) {
  const auto configured = std::ranges::find(config.cas, directory, &CaConfig::directory);
  if (configured != config.cas.end()) return configured->name;
  const auto known = std::ranges::find(kKnownCas, directory, &KnownCa::directory);
  std::string base(known == std::end(kKnownCas) ? "" : known->name);
  if (base.empty()) {
    constexpr std::size_t kScheme = 8, kMost = 50;  // "https://"
    base = directory.substr(std::min(directory.size(), kScheme));
    base.resize(std::min({base.find('/'), base.size(), kMost}));
    std::ranges::replace_if(
        base,
        [](char c) {
          return !fault_of_label(std::string{'a', c}).empty();
        },
        '-');
    if (!fault_of_label(base).empty()) base = "certbot";
  }
  std::string name = base;
  for (int i = 2;
       config.ca(name) != nullptr || std::ranges::find(others, name, &CertbotCa::name) != others.end(); ++i)
    name = fmt::format("{}-{}", base, i);
  return name;
}

Proposal propose(const Config& config, const std::string& path,
                 const std::vector<CertbotCertificate>& certificates, const std::vector<CertbotCa>& cas,
                 const CertbotHooks& hooks) {
  Proposer proposer(config, path, hooks);
  for (const auto& ca : cas) proposer.add_ca(ca, certificates);
  for (const auto& certificate : certificates) proposer.add(certificate);
  return proposer.take();
}

}  // namespace certlatch
