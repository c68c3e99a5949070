// SPDX-License-Identifier: MIT
// The ruleset that is in force: looking at it, and changing it in transactions.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "broker/netfilter/netlink.h"
#include "policy/policy.h"

namespace certlatch {

/// ERESTART, which glibc keeps to itself: the ruleset is no longer of the generation that the changes were
/// made for.
inline constexpr int kStaleGeneration = 85;

/// One change; a list of them is made with `+`. `type` is one of NFT_MSG_*, with its flags and its
/// attributes.
std::string change(int type, int flags, const std::string& attributes, Family family = Family::inet);
/// The attributes that name a chain in a message about its rules, or a set in one about it or its elements.
std::string named(const std::string& table, const std::string& chain_or_set);

/// All of the changes happen, or none does; none with a `generation` that is no longer the ruleset's. After
/// an error nothing happened, with one exception: Kind::system with ENOBUFS says that the outcome is unknown.
/// Kind::conflict names the object that is missing, or that belongs to another process.
Result<void> commit(NetlinkSocket& socket, const std::string& changes,
                    std::optional<std::uint32_t> generation = {});

/// A number that every change of the ruleset increases.
Result<std::uint32_t> generation(NetlinkSocket& socket);

/// Is there such an object in family inet? `type` is one of NFT_MSG_GET*, `what` the attributes that name it.
Result<bool> exists(NetlinkSocket& socket, int type, const std::string& what);

/// Of the input base chains of families ip, ip6 and inet, and of iptables-legacy.
Result<std::int32_t> lowest_input_priority(NetlinkSocket& socket);

/// The chain, in a table that is not ours, of a rule that leads connections to TCP port `port` elsewhere: "ip
/// nat PREROUTING". A rule that does so for every port, or by an address alone, is not noticed.
Result<std::optional<std::string>> find_nat_rule(NetlinkSocket& socket, std::uint16_t port);

/// The handles of the rules that are `entry`'s gate in this chain, however they came there; none when there
/// is no such chain. A packet counter is overlooked, and so is a missing comment: both come from a round trip
/// through iptables-save. Another comment makes it another's rule. Handles are good for the generation that
/// they were read in: a reload gives them to other rules.
Result<std::set<std::uint64_t>> find_gates(NetlinkSocket& socket, const Gate& place,
                                           const OpeningEntry& entry);

}  // namespace certlatch
