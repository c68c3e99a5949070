// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "worker/state/config_sections.h"
#include "worker/state/host_name.h"

namespace certlatch {
namespace {

using enum KeyUse;

constexpr KeyRule kKeys[] = {{"provider", required},
                             {"wait"},
                             {"add"},
                             {"remove"},
                             {"server"},
                             {"port"},
                             {"zone"},
                             {"key name"},
                             {"key file"},
                             {"algorithm"},
                             {"token file"},
                             {"account file"},
                             {"api"},
                             {"roots"}};
constexpr const char* kCloudflare = "https://api.cloudflare.com/client/v4";
constexpr std::string_view kAlgorithms[] = {"hmac-sha256", "hmac-sha512"};

std::vector<std::string> command_of(const SectionReader& section, std::string_view key) {
  std::vector<std::string> words;
  for (const Word& word : section.words(key)) words.push_back(word.text);
  if (words.empty())
    section.fault(section.section().line, fmt::format("`provider = command` needs a key `{}`", key));
  else if (!words.front().starts_with('/'))
    section.fault(section.find(key)->line, fmt::format("`{}` begins with an absolute path", key));
  return words;
}

std::string needed(const SectionReader& section, std::string_view key) {
  const IniKey* entry = section.find(key);
  if (entry == nullptr)
    section.fault(section.section().line,
                  fmt::format("`provider = {}` needs a key `{}`", section.find("provider")->value, key));
  return entry == nullptr ? "" : entry->value;
}

bool is_address(const std::string& text) {
  in6_addr room{};
  return ::inet_pton(AF_INET, text.c_str(), &room) == 1 || ::inet_pton(AF_INET6, text.c_str(), &room) == 1;
}

void read_zone(const SectionReader& section, DnsConfig& dns) {
  const IniKey* zone = section.find("zone");
  if (zone == nullptr) return;
  const auto name = canonical_name(zone->value);
  if (!name) section.fault(zone->line, "`zone` is the name of a zone");
  dns.zone = zone->value;
}

void read_api(const SectionReader& section, std::string_view secret, DnsConfig& dns) {
  (void)needed(section, secret);
  dns.secret_file = secret_path_of(section, secret);
  dns.api = url_of(section, "api");
  while (dns.api.ends_with('/')) dns.api.pop_back();
  dns.roots = path_of(section, "roots");
}

struct KeysOf {
  std::string_view provider;
  std::string_view keys;  // between bars
};
constexpr KeysOf kKeysOf[] = {{"command", "|add|remove|"},
                              {"rfc2136", "|server|port|zone|key name|key file|algorithm|"},
                              {"cloudflare", "|token file|zone|api|roots|"},
                              {"acme-dns", "|account file|api|roots|"}};

/// A key that would do nothing is a misunderstanding.
void refuse_keys_of_others(const SectionReader& section, std::string_view provider) {
  const auto own = std::ranges::find(kKeysOf, provider, &KeysOf::provider);
  if (own == std::end(kKeysOf)) return;
  for (const KeyRule& rule : kKeys) {
    const IniKey* entry = section.find(rule.name);
    if (entry == nullptr || rule.name == "provider" || rule.name == "wait" ||
        own->keys.contains(fmt::format("|{}|", rule.name)))
      continue;
    section.fault(entry->line, fmt::format("`{}` does not go with `provider = {}`", rule.name, provider));
  }
}

void read_rfc2136(const SectionReader& section, DnsConfig& dns) {
  dns.provider = DnsConfig::Provider::rfc2136;
  dns.server = needed(section, "server");
  if (!dns.server.empty() && !is_address(dns.server))
    section.fault(section.find("server")->line, "`server` is an IP address");
  dns.port = static_cast<std::uint16_t>(section.number("port", 1, 65535, 53));
  (void)needed(section, "zone");
  read_zone(section, dns);
  dns.key_name = needed(section, "key name");
  (void)needed(section, "key file");
  dns.key_file = path_of(section, "key file");
  if (const IniKey* algorithm = section.find("algorithm")) {
    dns.algorithm = algorithm->value;
    if (std::ranges::find(kAlgorithms, dns.algorithm) == std::end(kAlgorithms))
      section.fault(algorithm->line, "`algorithm` is hmac-sha256 or hmac-sha512");
  }
}

}  // namespace

const std::span<const KeyRule> kDnsKeys = kKeys;

DnsConfig read_dns_section(const SectionReader& section) {
  DnsConfig dns{.name = section.section().name, .line = section.section().line};
  dns.wait = section.number("wait", 0, 3600, 0);
  const IniKey* provider = section.find("provider");
  if (provider == nullptr) return dns;
  if (provider->value == "command") {
    dns.add = command_of(section, "add");
    dns.remove = command_of(section, "remove");
  } else if (provider->value == "rfc2136") {
    read_rfc2136(section, dns);
  } else if (provider->value == "cloudflare") {
    dns.provider = DnsConfig::Provider::cloudflare;
    read_api(section, "token file", dns);
    read_zone(section, dns);
    if (dns.api.empty()) dns.api = kCloudflare;
  } else if (provider->value == "acme-dns") {
    dns.provider = DnsConfig::Provider::acme_dns;
    read_api(section, "account file", dns);
    (void)needed(section, "api");
  } else {
    section.fault(provider->line, "`provider` is command, rfc2136, cloudflare or acme-dns");
  }
  refuse_keys_of_others(section, provider->value);
  return dns;
}

}  // namespace certlatch
