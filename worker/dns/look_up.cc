// SPDX-License-Identifier: MIT
#include "worker/dns/look_up.h"

#include <algorithm>

#include "worker/dns/ldns_types.h"
#include "worker/dns/questions.h"

namespace certlatch {
namespace {

constexpr std::chrono::milliseconds kPerServer{1000};

timeval timeout_within(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  const auto some = std::clamp(left, std::chrono::milliseconds(1), kPerServer);
  return {some.count() / 1000, (some.count() % 1000) * 1000};
}

/// Every resolver in its turn, each with what those before it have left open.
void ask_all(const ldns_resolver* resolver, std::vector<DnsQuestion>& questions, Deadline deadline) {
  ldns_rdf** servers = ldns_resolver_nameservers(resolver);
  for (std::size_t i = 0; i < ldns_resolver_nameserver_count(resolver); ++i) {
    std::size_t size = 0;
    const std::unique_ptr<sockaddr_storage, LdnsFree> address(
        ldns_rdf2native_sockaddr_storage(servers[i], ldns_resolver_port(resolver), &size));
    if (!address) continue;
    ask_at(*address, static_cast<socklen_t>(size), Recursion::wanted, questions,
           std::min(deadline, in(kPerServer)));
  }
}

void ask_again_by_tcp(ldns_resolver* resolver, DnsQuestion& question, Deadline deadline) {
  question.answer.reset();
  if (std::chrono::steady_clock::now() >= deadline) return;
  ldns_resolver_set_timeout(resolver, timeout_within(deadline));
  ldns_resolver_set_usevc(resolver, true);
  ldns_pkt* raw = nullptr;
  const auto status =
      ldns_resolver_query_status(&raw, resolver, question.name, question.type, LDNS_RR_CLASS_IN, LDNS_RD);
  DnsPacket packet(raw);
  if (status == LDNS_STATUS_OK) question.answer = std::move(packet);
}

/// That there is no record says the zone itself, by its SOA (RFC 2308), rather than a resolver that was told
/// to keep something to itself.
bool is_denied(const ldns_pkt* packet) {
  const ldns_rr_list* authority = ldns_pkt_authority(packet);
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(authority); ++i)
    if (ldns_rr_get_type(ldns_rr_list_rr(authority, i)) == LDNS_RR_TYPE_SOA) return true;
  return false;
}

void take(const DnsQuestion& question, NameAddresses& found) {
  if (!question.answer) {
    found.trouble = "no resolver answered";
    return;
  }
  const ldns_pkt* packet = question.answer.get();
  const auto code = ldns_pkt_get_rcode(packet);
  if (code != LDNS_RCODE_NOERROR && code != LDNS_RCODE_NXDOMAIN) {
    found.trouble = "the resolver reports a failure";
    return;
  }
  const ldns_rr_list* answer = ldns_pkt_answer(packet);
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(answer); ++i) {
    const ldns_rr* record = ldns_rr_list_rr(answer, i);
    if (ldns_rr_get_type(record) != question.type || ldns_rr_rd_count(record) != 1) continue;
    if (const DnsText text(ldns_rdf2str(ldns_rr_rdf(record, 0))); text)
      found.addresses.emplace_back(text.get());
  }
  found.is_denied = found.is_denied && is_denied(packet);
}

constexpr std::size_t kMaxCaaRecords = 50, kMaxCaaValue = 512;

std::string_view bytes_of(const ldns_rdf* data) {
  return {reinterpret_cast<const char*>(ldns_rdf_data(data)), ldns_rdf_size(data)};
}

/// Why there is no answer, or nothing.
std::string take_caa(const DnsQuestion& question, std::vector<CaaRecord>& records) {
  if (!question.answer) return "no resolver answered";
  const auto code = ldns_pkt_get_rcode(question.answer.get());
  if (code != LDNS_RCODE_NOERROR && code != LDNS_RCODE_NXDOMAIN) return "the resolver reports a failure";
  const ldns_rr_list* answer = ldns_pkt_answer(question.answer.get());
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(answer); ++i) {
    const ldns_rr* record = ldns_rr_list_rr(answer, i);
    if (ldns_rr_get_type(record) != LDNS_RR_TYPE_CAA || ldns_rr_rd_count(record) != 3 ||
        records.size() == kMaxCaaRecords)
      continue;
    const auto flags = bytes_of(ldns_rr_rdf(record, 0));
    auto tag = bytes_of(ldns_rr_rdf(record, 1));
    if (flags.size() != 1 || tag.empty()) continue;
    tag.remove_prefix(1);  // its length
    records.push_back({static_cast<std::uint8_t>(flags.front()), std::string(tag),
                       std::string(bytes_of(ldns_rr_rdf(record, 2)).substr(0, kMaxCaaValue))});
  }
  return {};
}

}  // namespace

void Resolver::Free::operator()(ldns_struct_resolver* resolver) const { ldns_resolver_deep_free(resolver); }

Result<Resolver> Resolver::from(const char* resolv_conf) {
  ldns_resolver* resolver = nullptr;
  const ldns_status status = ldns_resolver_new_frm_file(&resolver, resolv_conf);
  if (status != LDNS_STATUS_OK)
    return fail(Error::invalid(std::string(resolv_conf) + ": " + ldns_get_errorstr_by_id(status)));
  // Query ids come from OpenSSL, which reads its configuration file on first use: now, not when confined.
  (void)ldns_get_random();
  ldns_resolver_set_retry(resolver, 1);
  ldns_resolver_set_random(resolver, false);
  return Resolver(resolver);
}

std::vector<NameAddresses> Resolver::addresses(std::span<const std::string> names, Deadline deadline) const {
  std::vector<NameAddresses> all;
  std::vector<DnsName> owners;
  std::vector<DnsQuestion> questions;
  for (const auto& name : names) {
    all.push_back({.name = name, .addresses = {}, .trouble = {}, .is_denied = true});
    owners.emplace_back(ldns_dname_new_frm_str(name.c_str()));
    if (owners.back() == nullptr) continue;
    for (const auto type : {LDNS_RR_TYPE_A, LDNS_RR_TYPE_AAAA})
      questions.push_back({owners.back().get(), type, nullptr});
  }
  ask_all(resolver_.get(), questions, deadline);
  auto question = questions.begin();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (owners[i] == nullptr) {
      all[i].trouble = "is no host name";
    } else {
      for (int type = 0; type < 2; ++type, ++question) {
        if (question->answer && ldns_pkt_tc(question->answer.get()))
          ask_again_by_tcp(resolver_.get(), *question, deadline);
        take(*question, all[i]);
      }
    }
    all[i].is_denied = all[i].is_denied && all[i].addresses.empty() && all[i].trouble.empty();
  }
  return all;
}

std::vector<NameCaa> Resolver::caa(std::span<const std::string> names, Deadline deadline) const {
  struct Owner {
    std::size_t of;  // which of `names`
    std::string text;
    DnsName name;
  };
  std::vector<NameCaa> all;
  std::vector<Owner> owners;
  for (const auto& name : names) {
    all.push_back({.name = name, .owner = {}, .records = {}, .trouble = {}});
    for (std::string_view at = name; !at.empty();) {
      std::string text(at);
      DnsName owner(ldns_dname_new_frm_str(text.c_str()));
      if (owner == nullptr) {
        all.back().trouble = "is no host name";
        break;
      }
      owners.push_back({all.size() - 1, std::move(text), std::move(owner)});
      const auto dot = at.find('.');
      at.remove_prefix(dot == at.npos ? at.size() : dot + 1);
    }
  }
  // The whole branch of each name at once: what is further up counts only if there is nothing below.
  std::vector<DnsQuestion> questions;
  for (const Owner& owner : owners) questions.push_back({owner.name.get(), LDNS_RR_TYPE_CAA, nullptr});
  ask_all(resolver_.get(), questions, deadline);
  for (std::size_t i = 0; i < owners.size(); ++i) {
    NameCaa& found = all[owners[i].of];
    if (!found.trouble.empty() || !found.records.empty()) continue;
    DnsQuestion& question = questions[i];
    if (question.answer && ldns_pkt_tc(question.answer.get()))
      ask_again_by_tcp(resolver_.get(), question, deadline);
    found.trouble = take_caa(question, found.records);
    if (!found.records.empty()) found.owner = owners[i].text;
  }
  return all;
}

}  // namespace certlatch
