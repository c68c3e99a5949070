// SPDX-License-Identifier: MIT
// Looking at the ruleset that is in force. Tables are of family inet.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/netfilter/netlink.h"
#include "policy/policy.h"

namespace certlatch {

/// A number that every change of the ruleset increases.
Result<std::optional<std::uint32_t>> generation(NetlinkSocket& socket);

enum class TableOwner : std::uint8_t { no_table, nobody, somebody };
/// Whether a table exists, and whether it belongs to a process that runs.
Result<TableOwner> owner_of(NetlinkSocket& socket, const std::string& table);
Result<bool> has_set(NetlinkSocket& socket, const std::string& table, const std::string& set);

/// Of the input base chains of families ip, ip6 and inet, and of iptables-legacy.
Result<std::int32_t> lowest_input_priority(NetlinkSocket& socket);
/// The chain of a rule that leads `port` elsewhere: "ip nat PREROUTING". `own_table` is not looked at.
Result<std::optional<std::string>> find_nat_rule(NetlinkSocket& socket, std::uint16_t port,
                                                 const std::string& own_table);

/// The handles of the rules that are `entry`'s gate in this chain; none when there is no such chain. Handles
/// are good for the generation that they were read in: a reload gives them to other rules.
Result<std::set<std::uint64_t>> find_gates(NetlinkSocket& socket, const Gate& place,
                                           const OpeningEntry& entry);

}  // namespace certlatch
