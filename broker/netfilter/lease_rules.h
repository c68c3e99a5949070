// SPDX-License-Identifier: MIT
// The tables of ours that stand while something is open. `certlatch-policy rules` prints the same as text.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace certlatch {

// Changes for a transaction (ruleset.h), but for two.

/// The gate of `entry`, inert without a lease: nothing else sets the mark. The attributes of a rule that
/// follow its table and chain, with the comment that tells ours from an admin's.
std::string gate_rule(const OpeningEntry& entry);
/// The same, at the head of the chain `place`.
std::string new_gate(const Gate& place, const OpeningEntry& entry);

std::string set_of(const OpeningEntry& entry);  // "open_http"

/// The lease table with its chains, without a lease. What an input chain drops can no longer be marked, so
/// the marking stands before the `lowest_priority` in use there.
std::string new_lease_table(std::int32_t lowest_priority);
/// A set whose element is the lease, and rules that are inert once the kernel has ended it.
std::string new_lease(const OpeningEntry& entry, std::chrono::milliseconds time);
/// Ends the lease of `entry`; its rules stay, and cut the connections that came in by it.
std::string end_of(const OpeningEntry& entry);
/// Takes the lease of `entry` out of the table, which goes with the last one. `others` are those that stay.
std::string removal_of(const OpeningEntry& entry, const std::vector<OpeningEntry>& others);
std::string removal_of_table(const char* name);

/// Keeps 127.0.0.0/8 away from the wire while route_localnet lets it in. A table of its own, which the end of
/// this process does not take along.
std::string new_guard_table();

}  // namespace certlatch
