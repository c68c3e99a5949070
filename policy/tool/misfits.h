// SPDX-License-Identifier: MIT
// What keeps an opening of the policy from working in the ruleset in force.
#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"
#include "policy/tool/firewall.h"

namespace certlatch {

struct Misfit {
  std::string sentence;
  std::string remedy;
  bool is_certain = false;  // otherwise some connections are dropped, or perhaps some
};

/// Which gate is missing, which does not exist, and what drops where no gate helps. None: connections get
/// through.
[[nodiscard]] std::vector<Misfit> misfits_of(const OpeningEntry& entry, const Firewall& firewall);

}  // namespace certlatch
