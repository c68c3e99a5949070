// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "policy/ini_file.h"
#include "worker/check/own_addresses.h"
#include "worker/dns/messages.h"
#include "worker/doctor/examine.h"
#include "worker/plan/broker_status.h"
#include "worker/run/broker_client.h"
#include "worker/run/door.h"
#include "worker/state/host_name.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxAtOnce = 20;
constexpr std::chrono::milliseconds kLookUps{10'000};

/// What the policy's text says.
std::map<std::string, std::vector<std::string>> names_by_install(const std::string& text,
                                                                 const std::string& policy_file) {
  std::map<std::string, std::vector<std::string>> names;
  for (const IniSection& section : read_ini(text, policy_file).sections) {
    if (section.kind != "install" || section.is_damaged) continue;
    for (const IniKey& key : section.keys)
      if (key.name == "names")
        for (const auto word : split(key.value))
          names[section.name].push_back(canonical_name(word).value_or(std::string(word)));
  }
  return names;
}

/// A bare name allows itself, a wildcard itself and any one label in its place.
bool covers(const std::string& allowed, const std::string& name) {
  if (allowed == name) return true;
  return is_wildcard(allowed) && !is_wildcard(name) && name.contains('.') &&
         name.substr(name.find('.')) == allowed.substr(1);
}

void judge(const CertificateConfig& certificate, const NameAddresses& found, Families served,
           const std::set<std::string>& own, Findings& findings) {
  const auto say = [&](Verdict verdict, std::string what, std::string remedy) {
    findings.push_back({verdict, certificate.name, std::move(what), std::move(remedy)});
  };
  if (found.addresses.empty()) {
    if (!found.trouble.empty())
      return say(Verdict::bad, fmt::format("{}: {}", found.name, found.trouble), "look at /etc/resolv.conf");
    return say(Verdict::bad, fmt::format("{} has no address", found.name),
               "add an A or AAAA record, or take the name out of the certificate");
  }
  // What a run finds in its own way before it tells a CA to come.
  const auto answered = judge_addresses({found}, served, own);
  if (!answered.refusal.empty())
    return say(Verdict::bad, answered.refusal, "have the opening serve it, or take the record away");
  for (const auto& warning : answered.warnings) say(Verdict::doubtful, warning, "");
  std::vector<std::string> foreign;
  std::ranges::copy_if(found.addresses, std::back_inserter(foreign),
                       [&](const auto& address) { return !own.contains(address); });
  if (foreign.empty() && !answered.warnings.empty()) return;
  if (foreign.empty()) return say(Verdict::good, fmt::format("{} leads to this host", found.name), "");
  const bool has_some = foreign.size() < found.addresses.size();
  const bool has_ipv6 =
      std::ranges::any_of(foreign, [](const auto& address) { return address.contains(':'); });
  say(Verdict::doubtful,
      fmt::format("{} leads {} {}, which {} no address of this host", found.name, has_some ? "also to" : "to",
                  fmt::join(foreign, ", "), foreign.size() == 1 ? "is" : "are"),
      has_some && has_ipv6 ? "a CA prefers IPv6: remove the AAAA record, or give the host that address"
                           : "right when a router hands port 80 on to this host, and wrong otherwise");
}

}  // namespace

void examine_policy(const Config& config, const StatusAnswer& broker, const std::string& policy_file,
                    const Result<std::string>& policy, Findings& findings) {
  const auto allowed =
      policy ? names_by_install(*policy, policy_file) : std::map<std::string, std::vector<std::string>>();
  const auto lacks = [&](const CertificateConfig& certificate, const char* kind, const std::string& entry) {
    findings.push_back(
        {Verdict::bad, certificate.name, fmt::format("the policy has no [{} {}]", kind, entry),
         fmt::format("`certlatch new --print {}` prints the lines", fmt::join(certificate.names, " "))});
  };
  std::map<std::string, std::size_t> needed;  // by the heading that a budget has
  bool is_whole = true;
  for (const auto& certificate : config.certificates) {
    const auto& opening = certificate.opening;
    if (!opening.empty() &&
        std::ranges::find(broker.openings, opening, &OpeningStatus::entry) == broker.openings.end()) {
      lacks(certificate, "open", opening);
      is_whole = false;
    }
    needed["open " + opening] = 1;
    for (const auto& entry : certificate.installs) {
      const InstallStatus* install = find_install(broker, entry);
      if (install == nullptr) {
        lacks(certificate, "install", entry);
        is_whole = false;
        continue;
      }
      needed["install " + entry] = 1;
      for (const auto& service : install->services) needed["service " + service] = 1;
      const auto known = allowed.find(entry);
      if (known == allowed.end()) continue;
      for (const auto& name : certificate.names) {
        if (std::ranges::any_of(known->second, [&](const auto& one) { return covers(one, name); })) continue;
        is_whole = false;
        findings.push_back(
            {Verdict::bad, certificate.name,
             fmt::format("{}: [install {}] does not have the name {}", policy_file, entry, name),
             "add it to `names` there and restart certlatchd, or take it out of the certificate"});
      }
    }
  }
  for (const BudgetStatus& budget : broker.budgets) {
    const auto wanted = needed.find(budget.entry);
    if (wanted == needed.end() || budget.left >= wanted->second) continue;
    is_whole = false;
    findings.push_back(
        {Verdict::bad, budget.entry, "its `per day` is used up",
         "wait, or raise it in the policy and restart certlatchd; the audit log says what used it"});
  }
  if (!policy)
    findings.push_back(
        {Verdict::doubtful, "policy",
         "whether its installs have the certificates' names cannot be seen: " + policy.error().message,
         "sudo certlatch doctor"});
  else if (is_whole)
    findings.push_back(
        {Verdict::good, "policy", "it has every entry that the configuration names, with budget left", ""});
}

ServedFamilies families_of(const StatusAnswer& broker) {
  ServedFamilies served;
  for (const auto& opening : broker.openings) served[opening.entry] = {true, !opening.to_loopback};
  return served;
}

void examine_openings(Run& run, ServedFamilies& served, Findings& findings) {
  auto channel = run.peers.connect_broker();
  auto broker = channel ? BrokerClient::greet(std::move(*channel), run.stop, run.report)
                        : Result<BrokerClient>(fail(channel.error()));
  const auto status =
      broker ? broker->status(run.config.install_entries()) : Result<StatusAnswer>(fail(broker.error()));
  if (!status) return;
  std::set<std::string> done;
  for (const auto& certificate : run.config.certificates) {
    const auto opening = std::ranges::find(status->openings, certificate.opening, &OpeningStatus::entry);
    if (opening == status->openings.end() || !done.insert(certificate.opening).second) continue;
    const auto about = "opening " + certificate.opening;
    Door door(run.peers, *broker, run.report, {*opening}, {});
    // A token that no CA knows: it only has the responder bound before anything opens.
    if (auto bound = door.expect(*opening, "certlatch-doctor", "certlatch-doctor", ""); !bound) {
      findings.push_back({Verdict::bad, about, bound.error().message,
                          fmt::format("sudo ss -ltnp 'sport = :{}' tells who has it", opening->to_port)});
      continue;
    }
    served[certificate.opening] = door.served(certificate.opening);
    auto opened = door.open(certificate.opening);
    if (opened) opened = door.close_all();
    findings.push_back(
        {opened ? Verdict::good : Verdict::bad, about,
         opened
             ? fmt::format("port {} was opened to port {}, and shut again", opening->port, opening->to_port)
             : opened.error().message,
         opened
             ? ""
             : "`sudo certlatch-policy check --ruleset` tells what does not fit, and `suggest` what would"});
  }
}

void examine_addresses(Run& run, const ServedFamilies& served, Findings& findings) {
  const auto own = own_addresses();
  auto dns = run.peers.start_dns();
  if (!dns) {
    findings.push_back({Verdict::doubtful, "names", dns.error().message, ""});
    return;
  }
  for (const auto& certificate : run.config.certificates) {
    if (certificate.challenge == ChallengeType::dns_01) continue;
    const auto behind = served.find(certificate.opening);
    const Families families = behind != served.end() ? behind->second : Families{};
    std::vector<std::string> names;
    for (const auto& name : certificate.names) {
      if (is_address(name))
        judge(certificate, {.name = name, .addresses = {name}, .trouble = {}}, families, own, findings);
      else if (!is_wildcard(name))
        names.push_back(name);
    }
    for (std::size_t at = 0; at < names.size() && !run.stop.is_requested(); at += kMaxAtOnce) {
      const auto first = names.begin() + static_cast<std::ptrdiff_t>(at);
      const auto last = first + static_cast<std::ptrdiff_t>(std::min(kMaxAtOnce, names.size() - at));
      const FindAddresses question{.names = {first, last},
                                   .milliseconds = static_cast<std::uint32_t>(kLookUps.count())};
      const auto answer = dns->ask<DnsAnswer>(DnsOrder(question), in(kLookUps + std::chrono::seconds(2)));
      const auto* found = answer ? std::get_if<AddressesFound>(&*answer) : nullptr;
      if (found == nullptr) {
        findings.push_back({Verdict::doubtful, certificate.name, "its names could not be looked up", ""});
        return;
      }
      for (const NameAddresses& name : found->names) judge(certificate, name, families, own, findings);
    }
  }
}

}  // namespace certlatch
