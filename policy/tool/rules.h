// SPDX-License-Identifier: MIT
// The policy's openings as nftables text: what the broker makes through netlink while all of them are open.
#pragma once

#include <string>

#include "policy/policy.h"

namespace certlatch {

/// "tcp dport 8080 meta mark 0xac3e0050 accept comment "certlatch"", without table and chain.
[[nodiscard]] std::string gate_rule_text(const OpeningEntry& entry);

/// A file that `nft -f` accepts. It makes none of the admin's own chains: the gates, which go there, are
/// comments.
[[nodiscard]] std::string rules_text(const Policy& policy);

}  // namespace certlatch
