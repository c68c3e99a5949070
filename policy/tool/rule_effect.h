// SPDX-License-Identifier: MIT
// What one rule does with a packet of which only some bits are known.
#pragma once

#include <string>
#include <vector>

#include "policy/tool/firewall.h"
#include "policy/tool/packet.h"
#include "policy/tool/xt_match.h"

namespace certlatch {

enum class Act : std::uint8_t {
  accept,
  drop,  // or reject, or hand to a program
  jump,
  go_to,
  leave,  // the chain
  lead_elsewhere,
  stop_tracking,  // and go on
};

struct Effect {
  Act act = Act::accept;
  std::string chain;  // with jump and go_to
  Match match = Match::maybe;
};

/// In the order in which they apply, each to the packets that the earlier ones did not take; none when the
/// rule does not match or only counts, logs and the like. A verdict map whose key is not known has many. The
/// mark of `packet` becomes what the rule sets.
[[nodiscard]] std::vector<Effect> effects_of(const Rule& rule, const Chain& chain, const Firewall& firewall,
                                             Packet& packet);

}  // namespace certlatch
