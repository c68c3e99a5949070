// SPDX-License-Identifier: MIT
// What a rule of somebody else's making means for an opening.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "broker/netfilter/netlink.h"
#include "policy/policy.h"

namespace certlatch {

// `message` is one NEWRULE of the kernel's.

/// Is it the gate of `entry`, however it came into its chain? A packet counter is overlooked, and so is a
/// missing comment: both come from a round trip through iptables-save. Another comment makes it another's
/// rule.
bool is_gate(const nlmsghdr* message, const OpeningEntry& entry);

/// Does it lead connections to TCP port `port` elsewhere? `set_holds` says whether a set of the rule's table
/// holds the port. A rule that does so for every port, or by an address alone, is not noticed.
bool diverts(const nlmsghdr* message, std::uint16_t port,
             const std::function<bool(const std::string& set)>& set_holds);

}  // namespace certlatch
