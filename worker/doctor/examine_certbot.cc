// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "worker/doctor/caller.h"
#include "worker/doctor/examine.h"
#include "worker/import/certbot_settings.h"
#include "worker/run/adopt.h"
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
  std::string name;
  std::set<std::string> names;  // that it is for, as far as is known
  bool are_all_known = false;
  bool is_renewed = true;
};

/// Only `--webroot` writes down each name.
Lineage lineage_of(const std::string& name, const std::string& settings) {
  Lineage lineage{.name = name, .names = {name, without_number(name)}};
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

std::vector<Lineage> visible_lineages() {
  std::vector<Lineage> lineages;
  for (const auto& file : files_in("/etc/letsencrypt/renewal"))
    if (file.extension() == ".conf") lineages.push_back(lineage_of(file.stem().string(), contents(file)));
  return lineages;
}

/// With the names that are in the certificates.
std::vector<Lineage> opened_lineages(Run& run, const CertbotFiles& files) {
  Helpers helpers(run);
  helpers.never_make_accounts();
  auto started = helpers.start_keeper();
  if (started) started = helpers.start_acme();
  if (started) started = helpers.tell_acme();
  std::vector<Lineage> lineages;
  for (const CertbotLineage& file : files.lineages) {
    auto lineage =
        lineage_of(file.name, file.renewal.is_open() ? text_of_file(file.renewal).value_or("") : "");
    auto chain =
        file.chain.is_open() ? text_of_file(file.chain) : Result<std::string>(fail(Error::invalid("")));
    const auto read = started && chain ? read_chain(helpers, std::move(*chain))
                                       : Result<ChainRead>(fail(Error::invalid("")));
    if (read) {
      lineage.are_all_known = true;
      for (const auto& name : read->names) lineage.names.insert(canonical_name(name).value_or(name));
    }
    lineages.push_back(std::move(lineage));
  }
  return lineages;
}

}  // namespace

void examine_certbot(Run& run, const std::optional<CertbotFiles>& opened, Findings& findings) {
  const auto caller = caller_of("", "certbot", "certbot.timer");
  if (caller.empty()) return;
  constexpr auto kOff = "systemctl disable --now certbot.timer";
  bool is_shared = false;
  std::vector<std::string> unknown;
  for (const Lineage& lineage : opened ? opened_lineages(run, *opened) : visible_lineages()) {
    const auto& name = lineage.name;
    if (!lineage.is_renewed) continue;
    bool is_ours = false;
    for (const auto& certificate : run.config.certificates) {
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
