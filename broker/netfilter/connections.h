// SPDX-License-Identifier: MIT
// Who listens on this host, and who came in through an opening.
#pragma once

#include <cstdint>
#include <vector>

#include "broker/netfilter/netfilter.h"
#include "broker/netfilter/netlink.h"

namespace certlatch {

/// As sock_diag(7) tells; `socket` is of NETLINK_SOCK_DIAG.
Result<std::vector<Listener>> tcp_listeners(NetlinkSocket& socket, std::uint16_t port);

/// Forgets every TCP connection to `port` that destination NAT led to `to_port` of this host, so that its
/// next packets meet the ruleset as strangers. `socket` is of NETLINK_NETFILTER. The kernel walks all of its
/// table for it, which takes milliseconds.
Result<void> forget_connections(NetlinkSocket& socket, std::uint16_t port, std::uint16_t to_port);

}  // namespace certlatch
