// SPDX-License-Identifier: MIT
// An [open] section for the firewall in force.
#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"
#include "policy/tool/firewall.h"
#include "policy/tool/passage.h"
#include "protocol/result.h"

namespace certlatch {

struct Suggestion {
  OpeningEntry entry;               // `gates` are those of `closed`, unless they are static
  std::vector<ClosedChain> closed;  // without the gate
  std::string why;                  // of `gate` when there is nothing to list
  std::string why_interface;
  std::string why_share;  // empty unless the port is in use
  std::vector<Obstacle> obstacles;
  [[nodiscard]] bool is_enough() const;  // nothing stands in the way for certain
};

/// For port 80. Kind::conflict when an opening is in force, whose own gates would be taken for the admin's.
[[nodiscard]] Result<Suggestion> suggest(const Firewall& firewall);

/// The section, with the reasons as comments: read_policy() accepts it as part of a policy.
[[nodiscard]] std::string section_text(const Suggestion& suggestion);

}  // namespace certlatch
