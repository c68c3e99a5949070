// SPDX-License-Identifier: MIT
// What an [open] section takes from the host besides its firewall.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace certlatch {

struct Interfaces {
  std::vector<std::string> names;
  bool have_default_route = false;  // otherwise they are all that are up
};
/// The interfaces that lead outward, over IPv4 or IPv6.
[[nodiscard]] Interfaces outward_interfaces();

/// Does a program listen on this TCP port?
[[nodiscard]] bool is_listened_on(std::uint16_t port);

/// The families in which iptables-legacy has a table `filter`, which nftables does not show.
[[nodiscard]] std::vector<Family> legacy_filters();

}  // namespace certlatch
