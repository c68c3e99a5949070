// SPDX-License-Identifier: MIT
// What a policy may say, but hardly anybody means.
#pragma once

#include <string>
#include <vector>

#include "policy/ini_file.h"
#include "policy/policy.h"

namespace certlatch {

/// In the order of their lines. Looks at the owner and mode of the files and directories that the policy
/// names, where they exist on this host.
[[nodiscard]] std::vector<Fault> warnings_for(const Policy& policy);

/// The first of `path` and the directories above it that a user other than root owns or may write to; empty
/// when there is none. Links are followed; what does not exist is no weakness.
[[nodiscard]] std::string weak_point(const std::string& path);

}  // namespace certlatch
