// SPDX-License-Identifier: MIT
// The tables of ours that stand while something is open. `certlatch-policy rules` prints the same as text.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/netfilter/batch.h"

namespace certlatch {

inline constexpr char kLeaseTable[] = "certlatch";
inline constexpr char kGuardTable[] = "certlatch_guard";

// The family's NFPROTO_ number, and back: every number but IPv4's and IPv6's is `inet`.
std::uint8_t number_of(Family family);
Family family_of(std::uint8_t nfproto);

/// The gate of `entry`, inert without a lease: nothing else sets the mark. The attributes of a rule that
/// follow its table and chain, with the comment that tells ours from an admin's.
std::string gate_rule(const OpeningEntry& entry);

std::string set_of(const OpeningEntry& entry);  // "open_http"

/// The lease table with its chains, without a lease. What an input chain drops can no longer be marked, so
/// the marking stands before the `lowest_priority` in use there.
void put_lease_table(Batch& batch, std::int32_t lowest_priority);
/// A set whose element is the lease, and rules that are inert once the kernel has ended it.
void put_lease(Batch& batch, const OpeningEntry& entry, std::chrono::milliseconds time);
/// Ends the lease of `entry`; its rules stay, and cut the connections that came in by it.
void put_end(Batch& batch, const OpeningEntry& entry);
/// Takes the lease of `entry` out of the table, which goes with the last one. `others` are those that stay.
void put_removal(Batch& batch, const OpeningEntry& entry, const std::vector<OpeningEntry>& others);

/// Keeps 127.0.0.0/8 away from the wire while route_localnet lets it in. A table of its own, which the end of
/// this process does not take along.
void put_guard_table(Batch& batch);

}  // namespace certlatch
