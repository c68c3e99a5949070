// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "worker/state/config_sections.h"
#include "worker/state/host_name.h"

namespace certlatch {
namespace {

using enum KeyUse;

constexpr KeyRule kKeys[] = {{"names", required_list},
                             {"ca", required_list},
                             {"challenge"},
                             {"opening"},
                             {"webroot"},
                             {"dns"},
                             {"install", list},
                             {"key"},
                             {"reuse key"},
                             {"csr"},
                             {"profile"},
                             {"profile required"},
                             {"verify", list},
                             {"renew at"},
                             {"before"},
                             {"after"},
                             {"deployed"}};

constexpr std::uint32_t kMostLeft = 366 * 24 * 3600;  // seconds

void read_names(const SectionReader& section, CertificateConfig& certificate) {
  auto& names = certificate.names;
  for (const Word& word : section.words("names")) {
    auto name = canonical_name(word.text);
    if (!name) {
      section.fault(word.line, "`names`: " + name.error().message);
    } else if (is_wildcard(*name) && certificate.challenge != ChallengeType::dns_01) {
      section.fault(word.line,
                    fmt::format("`{}` needs `challenge = dns-01`: no other proves a whole domain", *name));
    } else if (std::ranges::find(names, *name) != names.end()) {
      section.fault(word.line, fmt::format("`{}` is named twice", *name));
    } else {
      names.push_back(std::move(*name));
    }
  }
  if (names.size() > kMaxNames)
    section.fault(section.section().line, fmt::format("a certificate has at most {} names", kMaxNames));
}

constexpr ChallengeType kTypes[] = {ChallengeType::http_01, ChallengeType::tls_alpn_01,
                                    ChallengeType::dns_01};

/// A key that goes with some types of challenges only.
std::string goes_with(const SectionReader& section, const CertificateConfig& certificate,
                      std::string_view key, std::initializer_list<ChallengeType> types) {
  const IniKey* entry = section.find(key);
  if (entry == nullptr) return {};
  if (std::ranges::find(types, certificate.challenge) == types.end())
    section.fault(entry->line,
                  fmt::format("`{}` does not go with `challenge = {}`", key, text_of(certificate.challenge)));
  return entry->value;
}

void read_challenge(const SectionReader& section, CertificateConfig& certificate) {
  using enum ChallengeType;
  if (const IniKey* challenge = section.find("challenge")) {
    const auto found =
        std::ranges::find(kTypes, challenge->value, [](ChallengeType type) { return text_of(type); });
    if (found == std::end(kTypes))
      return section.fault(challenge->line, "`challenge` is http-01, tls-alpn-01 or dns-01");
    certificate.challenge = *found;
  }
  (void)goes_with(section, certificate, "webroot", {http_01});
  certificate.webroot = path_of(section, "webroot");
  certificate.dns = goes_with(section, certificate, "dns", {dns_01});
  certificate.opening = goes_with(section, certificate, "opening", {http_01, tls_alpn_01});
  if (!certificate.opening.empty() && !certificate.webroot.empty())
    return section.fault(section.find("opening")->line, "`opening` and `webroot` exclude each other");
  if (const auto wrong = certificate.opening.empty() ? "" : fault_of_label(certificate.opening);
      !wrong.empty())
    section.fault(section.find("opening")->line, fmt::format("`opening`: the entry's name {}", wrong));
  const auto needs = [&](const char* key) {
    section.fault(section.section().line,
                  fmt::format("[certificate {}] needs a key `{}`", certificate.name, key));
  };
  if (certificate.challenge == dns_01 && certificate.dns.empty()) return needs("dns");
  if (certificate.challenge != dns_01 && certificate.opening.empty() && certificate.webroot.empty())
    needs("opening");
}

/// The key of a request that was made elsewhere is elsewhere, too.
void read_csr(const SectionReader& section, CertificateConfig& certificate) {
  certificate.csr = path_of(section, "csr");
  if (certificate.csr.empty()) return;
  for (const std::string_view other : {"install", "key", "reuse key"})
    if (const IniKey* entry = section.find(other))
      section.fault(entry->line,
                    fmt::format("`{}` and `csr` exclude each other: the request's key is not here", other));
}

}  // namespace

const std::span<const KeyRule> kCertificateKeys = kKeys;

CertificateConfig read_certificate_section(const SectionReader& section) {
  CertificateConfig certificate{.name = section.section().name, .line = section.section().line};
  for (Word& ca : section.words("ca")) {
    if (std::ranges::find(certificate.cas, ca.text) != certificate.cas.end())
      section.fault(ca.line, fmt::format("`{}` is named twice", ca.text));
    certificate.cas.push_back(std::move(ca.text));
  }
  read_challenge(section, certificate);
  read_names(section, certificate);
  for (Word& install : section.words("install")) {
    if (const auto wrong = fault_of_label(install.text); !wrong.empty())
      section.fault(install.line, fmt::format("`install`: the entry's name {}", wrong));
    certificate.installs.push_back(std::move(install.text));
  }
  certificate.key = key_type_of(section, "key", KeyFor::certificate);
  certificate.reuse_key = section.yes_or_no("reuse key", false);
  certificate.renew_at = section.duration("renew at", kMostLeft);
  certificate.verify = endpoints_of(section, "verify");
  certificate.before = hook_command_of(section, "before");
  certificate.after = hook_command_of(section, "after");
  certificate.deployed = hook_command_of(section, "deployed");
  read_csr(section, certificate);
  if (const IniKey* profile = section.find("profile")) certificate.profile = profile->value;
  certificate.profile_is_required = section.yes_or_no("profile required", false);
  if (certificate.profile_is_required && certificate.profile.empty())
    section.fault(section.section().line, "`profile required` goes with `profile`");
  return certificate;
}

}  // namespace certlatch
