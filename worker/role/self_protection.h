// SPDX-License-Identifier: MIT
// What every process of the worker does to itself, the main process included.
#pragma once

#include "protocol/result.h"

namespace certlatch {

/// No core dumps, no ptrace and no /proc/PID/mem for others of the same user, no new privileges for good.
[[nodiscard]] Result<void> protect_self();
/// Has protect_self() succeeded in this process?
[[nodiscard]] bool is_protected();

}  // namespace certlatch
