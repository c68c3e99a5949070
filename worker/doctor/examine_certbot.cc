// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "worker/doctor/caller.h"
#include "worker/doctor/examine.h"
#include "worker/import/certbot_settings.h"
#include "worker/state/host_name.h"

namespace certlatch {
namespace {

/// Of `example.test-0001`, which certbot calls another certificate of the same first name.
std::string without_number(const std::string& lineage) {
  constexpr std::size_t kDigits = 4;
  const auto dash = lineage.rfind('-');
  const bool has_number = dash != lineage.npos && dash != 0 && lineage.size() - dash - 1 >= kDigits &&
                          lineage.find_first_not_of("0123456789", dash + 1) == lineage.npos;
  return has_number ? lineage.substr(0, dash) : lineage;
}

/// A certificate of certbot's.
struct Lineage {
  std::set<std::string> names;  // that it is for, as far as is known
  bool are_all_known = false;
  bool is_renewed = true;
};

/// Only `--webroot` writes down each name.
Lineage lineage_of(const std::string& name, const std::string& settings) {
  Lineage lineage{.names = {name, without_number(name)}};
  const auto read = read_certbot_text(settings);
  if (!read) return lineage;
  if (const auto section = read->sections.find("renewalparams"); section != read->sections.end())
    if (const auto key = section->second.find("autorenew"); key != section->second.end())
      lineage.is_renewed = key->second != std::vector<std::string>{"False"};
  if (const auto map = read->sections.find("webroot_map"); map != read->sections.end())
    for (const auto& [host, path] : map->second) {
      lineage.names.insert(canonical_name(host).value_or(host));
      lineage.are_all_known = true;
    }
  return lineage;
}

}  // namespace

void examine_certbot(const Config& config, const std::string& root, Findings& findings) {
  const auto caller = caller_of(root, "certbot", "certbot.timer");
  if (caller.empty()) return;
  constexpr auto kOff = "systemctl disable --now certbot.timer";
  bool is_shared = false;
  std::vector<std::string> unknown;
  for (const auto& file : files_in(root + "/etc/letsencrypt/renewal")) {
    if (file.extension() != ".conf") continue;
    const auto name = file.stem().string();
    const auto lineage = lineage_of(name, contents(file));
    if (!lineage.is_renewed) continue;
    bool is_ours = false;
    for (const auto& certificate : config.certificates) {
      const auto same = std::ranges::find_if(certificate.names,
                                             [&](const auto& one) { return lineage.names.contains(one); });
      const bool has_its_name = lineage.names.contains(certificate.name);
      if (same == certificate.names.end() && !has_its_name) continue;
      is_ours = true;
      const auto& what = same == certificate.names.end() ? certificate.name : *same;
      findings.push_back({Verdict::doubtful, certificate.name,
                          fmt::format("certbot, called by {}, renews {} as well{}", caller, what,
                                      what == name ? "" : fmt::format(", as {}", name)),
                          fmt::format("certbot delete --cert-name {}, or {}", name, kOff)});
    }
    is_shared = is_shared || is_ours;
    if (!is_ours && !lineage.are_all_known) unknown.push_back(name);
  }
  if (!unknown.empty())
    findings.push_back(
        {Verdict::doubtful, "certbot",
         fmt::format("called by {}, it renews {}, and for which names cannot be seen here", caller,
                     fmt::join(unknown, ", ")),
         fmt::format("`sudo certbot certificates` tells; when they are this configuration's: {}", kOff)});
  else if (!is_shared)
    findings.push_back(
        {Verdict::good, "certbot", fmt::format("renews, by {}, nothing of this configuration", caller), ""});
}

}  // namespace certlatch
