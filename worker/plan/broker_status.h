// SPDX-License-Identifier: MIT
// Questions to the broker's status.
#pragma once

#include <string_view>

#include "protocol/messages.h"

namespace certlatch {

/// nullptr when the policy has no such entry.
[[nodiscard]] const InstallStatus* find_install(const StatusAnswer& status, std::string_view entry);
/// Is it that chain that is installed, and is it untouched?
[[nodiscard]] bool holds(const InstallStatus& install, const Digest& fingerprint);
/// Has the service been restarted with what is installed there?
[[nodiscard]] bool has_loaded(const StatusAnswer& status, std::string_view service,
                              const InstallStatus& install);

}  // namespace certlatch
