// SPDX-License-Identifier: MIT
// The one line for the admin's own firewall that lets an opening's connections through.
#pragma once

#include <string>

#include "policy/policy.h"

namespace certlatch {

/// "ip6tables -I INPUT -p tcp ... -j ACCEPT"
[[nodiscard]] std::string iptables_gate_text(const OpeningEntry& entry, Family family);
/// "-A ufw-before-input -p tcp ... -j ACCEPT", for /etc/ufw/before.rules; with Family::ip6 for before6.rules.
[[nodiscard]] std::string ufw_gate_text(const OpeningEntry& entry, Family family);

/// For each opening the line for nftables, for iptables and for ufw, with where it goes.
[[nodiscard]] std::string gate_text(const Policy& policy);

}  // namespace certlatch
