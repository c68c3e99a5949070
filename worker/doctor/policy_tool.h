// SPDX-License-Identifier: MIT
// Only root may look at the ruleset in force: certlatch-policy does, which lies beside this program.
#pragma once

#include <string>

#include "protocol/result.h"

namespace certlatch {

/// What `certlatch-policy check --ruleset --json` prints: bounded, and not yet looked at. It is executed as
/// this user, with nothing but its arguments.
[[nodiscard]] Result<std::string> ask_policy_tool(const std::string& policy_file);

}  // namespace certlatch
