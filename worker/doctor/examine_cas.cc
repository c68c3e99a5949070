// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "worker/dns/messages.h"
#include "worker/doctor/caa.h"
#include "worker/doctor/examine.h"
#include "worker/run/accounts.h"
#include "worker/show/words.h"
#include "worker/state/host_name.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxAtOnce = 20;
constexpr std::chrono::milliseconds kLookUps{20'000};
constexpr Seconds kClockIsDoubtful = 60, kClockIsWrong = 3600;

bool is_used(const Config& config, const CaConfig& ca) {
  return std::ranges::any_of(config.certificates, [&](const CertificateConfig& certificate) {
    return std::ranges::find(certificate.cas, ca.name) != certificate.cas.end();
  });
}

/// A clock that is behind finds fresh certificates not valid yet, and renews too late.
void examine_clock(const CaConfig& ca, Seconds theirs, Seconds ours, Findings& findings) {
  if (theirs == 0) return;
  const Seconds off = std::abs(ours - theirs);
  const auto verdict = off >= kClockIsWrong      ? Verdict::bad
                       : off >= kClockIsDoubtful ? Verdict::doubtful
                                                 : Verdict::good;
  findings.push_back(
      {verdict, "clock",
       off < kClockIsDoubtful ? fmt::format("is that of [ca {}]", ca.name)
                              : fmt::format("is {} {} that of [ca {}]", span_text(off),
                                            ours > theirs ? "ahead of" : "behind", ca.name),
       verdict == Verdict::good ? "" : "have it set by the network: timedatectl set-ntp true"});
}

/// There is no account yet: will there be one?
void examine_new_account(const CaConfig& ca, const DirectoryShown& directory, Findings& findings) {
  const auto about = "ca " + ca.name;
  if (!directory.terms.empty() && !ca.agree)
    findings.push_back(
        {Verdict::bad, about, "there is no account yet, and the CA wants its terms to be agreed to",
         fmt::format("read {}, and write `agree = yes` in [ca {}]", directory.terms, ca.name)});
  else if (directory.wants_eab && ca.eab_kid.empty())
    findings.push_back(
        {Verdict::bad, about, "there is no account yet, and the CA wants it bound to one of its own",
         fmt::format("`eab kid` and `eab key file` in [ca {}], as the CA gives them", ca.name)});
  else
    findings.push_back({Verdict::good, about,
                        fmt::format("answers at {}; the first run makes an account", ca.directory), ""});
}

void examine_account(Run& run, const CaConfig& ca, Findings& findings) {
  const auto about = "ca " + ca.name;
  const auto account = ask_account(run, ca, AccountAction::show);
  const auto remedy = fmt::format(
      "`certlatch account show {0}` tells more; without {1}/{0} the next run makes another account", ca.name,
      run.store.accounts_directory());
  if (!account) return findings.push_back({Verdict::bad, about, account.error().message, remedy});
  const bool is_valid = account->status.empty() || account->status == "valid";
  findings.push_back(
      {is_valid ? Verdict::good : Verdict::bad, about,
       fmt::format("answers at {}; the account is {}", ca.directory, is_valid ? "valid" : account->status),
       is_valid ? "" : remedy});
}

std::string plain(const std::string& name) { return is_wildcard(name) ? name.substr(2) : name; }

void judge(Run& run, const CertificateConfig& certificate, const std::string& name, const NameCaa& found,
           const CaaIdentities& identities, Findings& findings) {
  if (!found.trouble.empty())
    return findings.push_back(
        {Verdict::doubtful, certificate.name,
         fmt::format("{}: its CAA records: {}; a CA that finds the same refuses", name, found.trouble),
         "look at the domain's name servers"});
  if (found.records.empty()) return;
  std::vector<std::string> forbidding;
  for (const auto& ca : certificate.cas) {
    const auto known = identities.find(ca);
    if (known == identities.end() || known->second.empty()) return;
    auto why = why_caa_forbids(found.records, {.identities = known->second,
                                               .challenge = text_of(certificate.challenge),
                                               .account_url = run.store.account_url(ca).value_or(""),
                                               .is_wildcard = is_wildcard(name)});
    if (why.empty())
      return findings.push_back(
          {Verdict::good, certificate.name,
           fmt::format("{}: the CAA records of {} let [ca {}] issue", name, found.owner, ca), ""});
    forbidding.push_back(std::move(why));
  }
  findings.push_back(
      {Verdict::bad, certificate.name,
       fmt::format("{}: the CAA records of {} {}", name, found.owner, fmt::join(forbidding, "; and ")),
       fmt::format("add: {} CAA 0 {} \"{}\"", found.owner, is_wildcard(name) ? "issuewild" : "issue",
                   identities.at(certificate.cas.front()).front())});
}

}  // namespace

CaaIdentities examine_cas(Run& run, Findings& findings) {
  CaaIdentities identities;
  for (const CaConfig& ca : run.config.cas) {
    if (!is_used(run.config, ca) || run.stop.is_requested()) continue;
    const auto directory = ask_directory(run, ca);
    if (!directory) {
      findings.push_back(
          {Verdict::bad, "ca " + ca.name, directory.error().message,
           fmt::format("is {} what the CA says, and does anything between here and it refuse the "
                       "connection?",
                       ca.directory)});
      continue;
    }
    identities[ca.name] = directory->caa_identities;
    examine_clock(ca, directory->time, run.now(), findings);
    const auto url = run.store.account_url(ca.name);
    if (url && url->empty() && !run.store.has_account_key(ca.name))
      examine_new_account(ca, *directory, findings);
    else
      examine_account(run, ca, findings);
  }
  return identities;
}

void examine_caa(Run& run, const CaaIdentities& identities, Findings& findings) {
  const bool is_any =
      std::ranges::any_of(identities, [](const auto& of_ca) { return !of_ca.second.empty(); });
  if (!is_any) return;
  auto dns = run.peers.start_dns();
  if (!dns) return findings.push_back({Verdict::doubtful, "names", dns.error().message, ""});
  for (const auto& certificate : run.config.certificates) {
    std::vector<std::string> names;
    std::ranges::copy_if(certificate.names, std::back_inserter(names),
                         [](const auto& name) { return !is_address(name); });
    for (std::size_t at = 0; at < names.size() && !run.stop.is_requested(); at += kMaxAtOnce) {
      FindCaa question{.names = {}, .milliseconds = static_cast<std::uint32_t>(kLookUps.count())};
      for (std::size_t i = at; i < std::min(at + kMaxAtOnce, names.size()); ++i)
        question.names.push_back(plain(names[i]));
      const auto answer = dns->ask<DnsAnswer>(DnsOrder(question), in(kLookUps + std::chrono::seconds(2)));
      const auto* found = answer ? std::get_if<CaaFound>(&*answer) : nullptr;
      if (found == nullptr || found->names.size() != question.names.size())
        return findings.push_back(
            {Verdict::doubtful, certificate.name, "its CAA records could not be looked up", ""});
      for (std::size_t i = 0; i < found->names.size(); ++i)
        judge(run, certificate, names[at + i], found->names[i], identities, findings);
    }
  }
}

}  // namespace certlatch
