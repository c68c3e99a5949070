// SPDX-License-Identifier: MIT
// The matches and targets of iptables that iptables-nft puts into its rules as they are.
#pragma once

#include <cstdint>
#include <string_view>

#include "policy/tool/packet.h"

namespace certlatch {

enum class Match : std::uint8_t { no, maybe, yes };

/// `data` is the match's own structure in the given revision. `maybe` for what is not known here.
[[nodiscard]] Match xt_match(std::string_view name, std::uint32_t revision, std::string_view data,
                             const Packet& packet);

enum class XtAct : std::uint8_t { passes, drops, leads_elsewhere, stops_tracking };
/// What a target does with a packet.
[[nodiscard]] XtAct xt_act(std::string_view name, std::string_view data);

}  // namespace certlatch
