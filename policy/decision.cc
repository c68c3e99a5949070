// SPDX-License-Identifier: MIT
#include "policy/decision.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/host_name.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxShownBytes = 100;

// What the worker or a certificate says, fit for a log and a terminal.
std::string shown(std::string_view text) {
  std::string safe(text.substr(0, kMaxShownBytes));
  std::ranges::replace_if(
      safe, [](char c) { return c <= ' ' || c > '~'; }, '?');
  return text.size() > kMaxShownBytes ? safe + "..." : safe;
}

}  // namespace

Refused refuse_unknown(const Policy& policy, std::string_view kind, std::string_view name) {
  return {.sentence = fmt::format("{0} {2}: refused, since no line of {3} allows it: there is no [{1} {2}]",
                                  kind == "service" ? "restart" : kind, kind, shown(name), policy.file)};
}

std::optional<Refused> refuse_names(const Policy& policy, const InstallEntry& install,
                                    const std::vector<std::string>& certificate_names) {
  const auto uncovered = std::ranges::find_if(certificate_names, [&](const std::string& asked) {
    return std::ranges::none_of(install.names, [&](const auto& allowed) { return covers(allowed, asked); });
  });
  if (!certificate_names.empty() && uncovered == certificate_names.end()) return std::nullopt;
  const auto name = certificate_names.empty() ? "no name at all" : shown(*uncovered);
  return Refused{
      .line = install.names_line,
      .sentence = fmt::format("install {}: refused, since the certificate is for {}, which `names` "
                              "on line {} of {} does not cover",
                              install.name, name, install.names_line, policy.file)};
}

bool covers(std::string_view allowed, std::string_view name) {
  const auto canonical = canonical_name(name);
  if (!canonical) return false;
  if (*canonical == allowed) return true;
  if (!allowed.starts_with("*.") || is_address(*canonical)) return false;
  // "*.example.org" and "www.example.org" are the same from the first dot on. A wildcard for another name's
  // subdomains has a longer rest.
  const auto dot = canonical->find('.');
  return dot != canonical->npos && canonical->substr(dot) == allowed.substr(1);
}

}  // namespace certlatch
