// SPDX-License-Identifier: MIT
#include "worker/check/address_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>

#include <algorithm>

namespace certlatch {
namespace {

// More than a run asks for at a time; all of them fit into a frame.
constexpr std::size_t kMostNames = 200;
constexpr std::chrono::milliseconds kLookUps{3000};
// From asking on. A CA across the Internet takes longer with an order than a resolver with its names; with
// one next door nobody waits long for a resolver that does not answer.
constexpr std::chrono::milliseconds kPatience{300};

bool is_ipv6(const std::string& address) { return address.contains(':'); }
bool is_address(const std::string& name) {
  return is_ipv6(name) || name.find_first_not_of("0123456789.") == name.npos;
}

void judge_one(const NameAddresses& name, Families served, const std::set<std::string>& own,
               AddressFindings& findings) {
  if (!name.trouble.empty()) return;
  if (name.is_denied) {
    findings.refusal = fmt::format(
        "{} has neither an A nor an AAAA record: the CA would not find it (when the CA sees another DNS than "
        "this host, `certlatch renew --force` goes on)",
        name.name);
    return;
  }
  if (name.addresses.empty()) {
    findings.warnings.push_back(fmt::format("{} has no address here", name.name));
    return;
  }
  std::vector<std::string> unserved;
  std::ranges::copy_if(name.addresses, std::back_inserter(unserved), [&](const std::string& address) {
    return is_ipv6(address) ? !served.ipv6 : !served.ipv4;
  });
  if (unserved.empty()) return;
  const char* family = is_ipv6(unserved.front()) ? "IPv6" : "IPv4";
  const bool leads_nowhere_else =
      unserved.size() == name.addresses.size() &&
      std::ranges::all_of(unserved, [&](const std::string& address) { return own.contains(address); });
  const auto fact = fmt::format("{} leads to {}, and challenges are not answered over {} here", name.name,
                                fmt::join(unserved, ", "), family);
  if (leads_nowhere_else)
    findings.refusal =
        fact + (is_ipv6(unserved.front()) ? ": `to = :PORT` in the policy's opening serves both" : "");
  else if (unserved.size() < name.addresses.size() && is_ipv6(unserved.front()))
    findings.warnings.push_back(fact +
                                ": CAs try IPv6 first; remove the AAAA record, or have the opening serve it");
  else
    findings.warnings.push_back(fact);
}

}  // namespace

AddressFindings judge_addresses(const std::vector<NameAddresses>& names, Families served,
                                const std::set<std::string>& own) {
  AddressFindings findings;
  for (const auto& name : names)
    if (findings.refusal.empty()) judge_one(name, served, own, findings);
  return findings;
}

void AddressCheck::ask_about(const std::vector<std::string>& names) {
  FindAddresses question{.names = {}, .milliseconds = static_cast<std::uint32_t>(kLookUps.count())};
  for (const auto& name : names)
    if (!is_address(name) && question.names.size() < kMostNames) question.names.push_back(name);
  if (question.names.empty()) return;
  auto dns = peers_.start_dns();
  if (!dns) return;
  dns_.emplace(std::move(*dns));
  patience_ends_ = in(kPatience);
  if (!dns_->channel().send(DnsOrder(std::move(question)), in(kPatience))) dns_.reset();
}

void AddressCheck::wait_longer() { patience_ends_ = in(kLookUps); }

void AddressCheck::receive() {
  if (!dns_) return;
  auto answer = dns_->channel().receive<DnsAnswer>(
      std::max(patience_ends_, std::chrono::steady_clock::now() + std::chrono::milliseconds(1)));
  if (!answer && answer.error().kind == Error::Kind::timed_out) return;
  if (auto* found = answer ? std::get_if<AddressesFound>(&*answer) : nullptr)
    found_ = std::move(found->names);
  dns_.reset();
}

std::vector<NameAddresses> AddressCheck::found(const std::vector<std::string>& names) {
  receive();
  std::vector<NameAddresses> all;
  for (const auto& name : names) {
    if (is_address(name)) all.push_back({.name = name, .addresses = {name}, .trouble = {}});
    const auto found = std::ranges::find(found_, name, &NameAddresses::name);
    if (found != found_.end()) all.push_back(*found);
  }
  return all;
}

}  // namespace certlatch
