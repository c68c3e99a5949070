// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "worker/state/config_sections.h"

namespace certlatch {
namespace {

using enum KeyUse;

constexpr KeyRule kKeys[] = {{"directory", required},
                             {"staging"},
                             {"contact", list},
                             {"agree"},
                             {"roots"},
                             {"account key"},
                             {"account passphrase"},
                             {"proxy"},
                             {"eab kid"},
                             {"eab key file"},
                             {"eab algorithm"},
                             {"chain"},
                             {"orders per hour"},
                             {"same names per week"},
                             {"failures per hour"}};

struct KeyTypeName {
  std::string_view name;
  KeyType type;
};
constexpr KeyTypeName kKeyTypes[] = {{"ecdsa-p256", KeyType::ecdsa_p256}, {"ecdsa-p384", KeyType::ecdsa_p384},
                                     {"rsa-2048", KeyType::rsa_2048},     {"rsa-3072", KeyType::rsa_3072},
                                     {"rsa-4096", KeyType::rsa_4096},     {"ed25519", KeyType::ed25519}};

struct MacTypeName {
  std::string_view name;
  MacType type;
};
constexpr MacTypeName kMacTypes[] = {
    {"HS256", MacType::hs256}, {"HS384", MacType::hs384}, {"HS512", MacType::hs512}};

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

/// "https://host:port" at the start of `url`; empty when it does not begin like that.
std::string origin_of(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme) || !is_printable(url) || url.contains('#')) return {};
  const auto end = std::min(url.find_first_of("/?", kScheme.size()), url.size());
  const auto authority = url.substr(kScheme.size(), end - kScheme.size());
  // A user's name before the host would make it doubtful where the URL leads.
  return authority.empty() || authority.find_first_of("@\\") != authority.npos
             ? std::string()
             : std::string(url.substr(0, end));
}

std::uint32_t limit_of(const SectionReader& section, std::string_view key, std::uint32_t usual) {
  const IniKey* entry = section.find(key);
  return entry != nullptr && entry->value == "none" ? 0 : section.number(key, 1, 1000, usual);
}

void read_binding(const SectionReader& section, CaConfig& ca) {
  const IniKey* kid = section.find("eab kid");
  ca.eab_key_file = secret_path_of(section, "eab key file");
  if (kid != nullptr) ca.eab_kid = kid->value;
  if (kid != nullptr && !is_printable(kid->value))
    section.fault(kid->line, "`eab kid` has a character that no key identifier has");
  if ((kid != nullptr) != (section.find("eab key file") != nullptr))
    section.fault(section.section().line, "`eab kid` and `eab key file` go together");
  const IniKey* algorithm = section.find("eab algorithm");
  if (algorithm == nullptr) return;
  const auto found = std::ranges::find(kMacTypes, algorithm->value, &MacTypeName::name);
  if (found == std::end(kMacTypes))
    return section.fault(algorithm->line, "`eab algorithm` is one of HS256, HS384, HS512");
  ca.eab_mac = found->type;
}

}  // namespace

const std::span<const KeyRule> kCaKeys = kKeys;

std::string url_of(const SectionReader& section, std::string_view key) {
  const IniKey* entry = section.find(key);
  if (entry == nullptr) return {};
  if (origin_of(entry->value).empty())
    section.fault(entry->line, fmt::format("`{}` is an https:// URL", key));
  return entry->value;
}

std::string secret_path_of(const SectionReader& section, std::string_view key) {
  constexpr std::string_view kPrefix = "credential:";
  const IniKey* entry = section.find(key);
  if (entry == nullptr || !entry->value.starts_with(kPrefix)) return path_of(section, key);
  const std::string_view name = std::string_view(entry->value).substr(kPrefix.size());
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (name.empty() || name.contains('/'))
    section.fault(entry->line, fmt::format("`{}`: `credential:` is followed by a credential's name", key));
  // Without the service manager it is a file that is not there, which is said when it is needed.
  return fmt::format("{}/{}", directory != nullptr ? directory : "/run/credentials", name);
}

std::string path_of(const SectionReader& section, std::string_view key) {
  const IniKey* entry = section.find(key);
  if (entry == nullptr) return {};
  if (!entry->value.starts_with('/'))
    section.fault(entry->line, fmt::format("`{}` is an absolute path", key));
  return entry->value;
}

KeyType key_type_of(const SectionReader& section, std::string_view key, KeyFor purpose) {
  const IniKey* entry = section.find(key);
  if (entry == nullptr) return KeyType::ecdsa_p256;
  // No public CA issues for Ed25519 keys.
  std::span<const KeyTypeName> allowed(kKeyTypes);
  if (purpose == KeyFor::certificate) allowed = allowed.first(allowed.size() - 1);
  const auto found = std::ranges::find(allowed, entry->value, &KeyTypeName::name);
  if (found != allowed.end()) return found->type;
  std::vector<std::string_view> names;
  for (const auto& known : allowed) names.push_back(known.name);
  section.fault(entry->line, fmt::format("`{}` is one of {}", key, fmt::join(names, ", ")));
  return KeyType::ecdsa_p256;
}

CaConfig read_ca_section(const SectionReader& section) {
  CaConfig ca{.name = section.section().name, .line = section.section().line};
  ca.directory = url_of(section, "directory");
  ca.origin = origin_of(ca.directory);
  ca.staging = url_of(section, "staging");
  ca.roots = path_of(section, "roots");
  ca.passphrase_file = secret_path_of(section, "account passphrase");
  for (Word& contact : section.words("contact")) {
    if (contact.text.starts_with("mailto:")) contact.text.erase(0, 7);
    const auto at = contact.text.find('@');
    if (at == 0 || at >= contact.text.size() - 1)
      section.fault(contact.line, fmt::format("`{}` is not a mail address", contact.text));
    ca.contact.push_back(std::move(contact.text));
  }
  if (const IniKey* proxy = section.find("proxy")) ca.proxy = proxy->value;
  if (const IniKey* chain = section.find("chain")) ca.preferred_chain = chain->value;
  ca.agree = section.yes_or_no("agree", false);
  ca.account_key = key_type_of(section, "account key", KeyFor::account);
  read_binding(section, ca);
  // A private CA has limits of its own, or none.
  const CaLimits usual = ca.roots.empty() ? CaLimits{} : CaLimits{0, 0, 0};
  ca.limits.orders_per_hour = limit_of(section, "orders per hour", usual.orders_per_hour);
  ca.limits.same_names_per_week = limit_of(section, "same names per week", usual.same_names_per_week);
  ca.limits.failures_per_hour = limit_of(section, "failures per hour", usual.failures_per_hour);
  return ca;
}

}  // namespace certlatch
