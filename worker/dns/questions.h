// SPDX-License-Identifier: MIT
// Many questions to one name server at once, over one UDP socket (RFC 1035, section 4.2.1).
#pragma once

#include <vector>

#include "protocol/channel.h"
#include "worker/dns/ldns_types.h"

namespace certlatch {

struct DnsQuestion {
  const ldns_rdf* name = nullptr;  // borrowed
  ldns_rr_type type = LDNS_RR_TYPE_A;
  DnsPacket answer;  // that belongs to it, as it came: any rcode, perhaps truncated; empty: none came in time
};

enum class Recursion : std::uint8_t { wanted, unwanted };

/// Asks those that have no answer yet.
void ask_at(const sockaddr_storage& server, socklen_t size, Recursion recursion,
            std::vector<DnsQuestion>& questions, Deadline deadline);

}  // namespace certlatch
