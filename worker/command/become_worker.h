// SPDX-License-Identifier: MIT
// For commands that an admin runs as root, for the sake of files that are root's: the rest of them is the
// worker's business, and done as its user.
#pragma once

#include "protocol/result.h"
#include "worker/command/command.h"

namespace certlatch {

[[nodiscard]] bool is_root();

/// Makes this process that of the state directory's owner, for good: user, groups, no capability. Does
/// nothing when it is not root's. Kind::refused when there is no such directory, or when it belongs to root.
[[nodiscard]] Result<void> become_worker(const Setting& setting);

}  // namespace certlatch
