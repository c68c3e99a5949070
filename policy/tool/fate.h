// SPDX-License-Identifier: MIT
// What the ruleset in force does with the connections of an opening, chain by chain.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "policy/tool/firewall.h"
#include "policy/tool/packet.h"
#include "policy/tool/xt_match.h"

namespace certlatch {

/// Something that happens to the connections in a base chain, or in one that it jumps to.
struct Event {
  enum class Kind : std::uint8_t { dropped, led_elsewhere, not_tracked };
  Kind kind = Kind::dropped;
  const Chain* base = nullptr;
  const Chain* chain = nullptr;
  const Rule* rule = nullptr;  // nullptr: the base chain's policy
  bool is_ipv6 = false;
  bool is_certain = false;  // not only to some of them, or perhaps
};

/// The connection that `request` begins: its port is the opened one, or the high one behind it. All that may
/// happen to it in this base chain, if a rule at the head of each of `gates` accepts it.
[[nodiscard]] std::vector<Event> events_in(const Chain& base, const Firewall& firewall, const Packet& request,
                                           const std::vector<Gate>& gates);

}  // namespace certlatch
