// SPDX-License-Identifier: MIT
// Owners of what ldns allocates.
#pragma once

#include <ldns/ldns.h>

#include <cstdlib>
#include <memory>

namespace certlatch {

struct LdnsFree {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
  void operator()(ldns_rdf* data) const { ldns_rdf_deep_free(data); }
  void operator()(ldns_rr_list* list) const { ldns_rr_list_deep_free(list); }
  void operator()(char* text) const { std::free(text); }
  void operator()(std::uint8_t* bytes) const { std::free(bytes); }
  void operator()(sockaddr_storage* address) const { std::free(address); }
};

using DnsPacket = std::unique_ptr<ldns_pkt, LdnsFree>;
using DnsName = std::unique_ptr<ldns_rdf, LdnsFree>;
using DnsRecordList = std::unique_ptr<ldns_rr_list, LdnsFree>;
using DnsText = std::unique_ptr<char, LdnsFree>;

}  // namespace certlatch
