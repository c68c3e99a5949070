// SPDX-License-Identifier: MIT
#include "worker/dns/update.h"

#include <fmt/format.h>
#include <ldns/ldns.h>

#include <algorithm>
#include <cstdlib>

#include "worker/keeper/secret_file.h"

namespace certlatch {
namespace {

constexpr std::uint32_t kTtl = 60;
constexpr std::uint16_t kTsigFudgeSeconds = 300;

struct FreeList {
  void operator()(ldns_rr_list* list) const { ldns_rr_list_deep_free(list); }
};
struct FreeText {
  void operator()(char* text) const { std::free(text); }
};

std::unexpected<Error> failure(std::string_view doing, ldns_status status) {
  return fail(Error::invalid(fmt::format("{}: {}", doing, ldns_get_errorstr_by_id(status))));
}

std::string absolute(std::string name) {
  if (!name.ends_with('.')) name.push_back('.');
  return name;
}

}  // namespace

void Updater::Free::operator()(ldns_struct_resolver* resolver) const { ldns_resolver_deep_free(resolver); }
void Updater::Free::operator()(ldns_struct_pkt* packet) const { ldns_pkt_free(packet); }

Result<Updater> Updater::from(const UseServer& server) {
  const auto key = read_secret_file(server.key_file);
  if (!key) return fail(key.error());
  Updater updater(ldns_resolver_new(), server.zone);
  auto* resolver = updater.resolver_.get();
  if (resolver == nullptr) return failure("the DNS library", LDNS_STATUS_MEM_ERR);
  const auto type = server.address.contains(':') ? LDNS_RDF_TYPE_AAAA : LDNS_RDF_TYPE_A;
  ldns_rdf* address = ldns_rdf_new_frm_str(type, server.address.c_str());
  if (address == nullptr) return fail(Error::invalid(server.address + " is not an IP address"));
  const auto pushed = ldns_resolver_push_nameserver(resolver, address);
  ldns_rdf_deep_free(address);
  if (pushed != LDNS_STATUS_OK) return failure(server.address, pushed);
  ldns_resolver_set_port(resolver, server.port);
  // An answer over UDP may be anyone's; a connection is not, and the packet is signed.
  ldns_resolver_set_usevc(resolver, true);
  ldns_resolver_set_retry(resolver, 1);
  ldns_resolver_set_timeout(resolver, {10, 0});
  // ldns copies the texts of a TSIG key.
  ldns_resolver_set_tsig_keyname(resolver, absolute(server.key_name).c_str());
  ldns_resolver_set_tsig_algorithm(resolver, absolute(server.algorithm).c_str());
  Secret ended_by_zero(key->size() + 1);
  std::ranges::copy(key->bytes(), ended_by_zero.bytes().begin());
  ldns_resolver_set_tsig_keydata(resolver, reinterpret_cast<const char*>(ended_by_zero.bytes().data()));
  // Whatever OpenSSL reads on first use, it reads now: when confined, it could not.
  const UpdateRecord rehearsal{"_acme-challenge." + server.zone, "rehearsal", true};
  (void)ldns_get_random();
  if (auto made = updater.packet_of(rehearsal); !made) return fail(made.error());
  return updater;
}

Result<Updater::Packet> Updater::packet_of(const UpdateRecord& record) const {
  const auto text = fmt::format("{} {} {} TXT \"{}\"", absolute(record.name), record.is_added ? kTtl : 0,
                                "IN", record.value);
  ldns_rr* raw = nullptr;
  const auto parsed = ldns_rr_new_frm_str(&raw, text.c_str(), kTtl, nullptr, nullptr);
  if (parsed != LDNS_STATUS_OK) return failure("the TXT record", parsed);
  // Removed: this record alone, whatever else has the name (RFC 2136, section 2.5.4).
  if (!record.is_added) ldns_rr_set_class(raw, LDNS_RR_CLASS_NONE);
  const std::unique_ptr<ldns_rr_list, FreeList> list(ldns_rr_list_new());
  ldns_rr_list_push_rr(list.get(), raw);
  ldns_rdf* zone = ldns_dname_new_frm_str(absolute(zone_).c_str());
  if (zone == nullptr) return fail(Error::invalid(zone_ + " is not the name of a zone"));
  Packet packet(ldns_update_pkt_new(zone, LDNS_RR_CLASS_IN, nullptr, list.get(), nullptr));
  if (!packet) return failure("the update", LDNS_STATUS_MEM_ERR);
  ldns_pkt_set_random_id(packet.get());
  auto* resolver = resolver_.get();
  const auto signed_status = ldns_pkt_tsig_sign(packet.get(), ldns_resolver_tsig_keyname(resolver),
                                                ldns_resolver_tsig_keydata(resolver), kTsigFudgeSeconds,
                                                ldns_resolver_tsig_algorithm(resolver), nullptr);
  if (signed_status != LDNS_STATUS_OK) return failure("the update's signature", signed_status);
  return packet;
}

Result<void> Updater::change(const UpdateRecord& record) const {
  const auto packet = packet_of(record);
  if (!packet) return fail(packet.error());
  ldns_pkt* raw = nullptr;
  const auto sent = ldns_resolver_send_pkt(&raw, resolver_.get(), packet->get());
  const Packet answer(raw);
  if (sent != LDNS_STATUS_OK || !answer)
    return fail(Error::timed_out(fmt::format("the name server gives no usable answer to the update of {}: {}",
                                             record.name, ldns_get_errorstr_by_id(sent))));
  const auto code = ldns_pkt_get_rcode(answer.get());
  if (code == LDNS_RCODE_NOERROR) return {};
  const std::unique_ptr<char, FreeText> name(ldns_pkt_rcode2str(code));
  return fail(Error::refused(fmt::format("the name server refuses the update of {} in the zone {}: {}",
                                         record.name, zone_, name ? name.get() : "without a reason")));
}

}  // namespace certlatch
