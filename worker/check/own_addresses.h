// SPDX-License-Identifier: MIT
#pragma once

#include <set>
#include <string>

namespace certlatch {

/// This host's addresses as inet_ntop(3) writes them, without the loopback's. Those that a router in front of
/// it has are not among them.
[[nodiscard]] std::set<std::string> own_addresses();

}  // namespace certlatch
