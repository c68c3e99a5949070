// SPDX-License-Identifier: MIT
// The worker's roles: `certlatch` executed again with one task, joined to the main process by a socketpair.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/channel.h"
#include "protocol/landlock.h"
#include "protocol/result.h"

namespace certlatch {

/// What a role is left with, whatever it is made to execute afterwards.
struct RoleLimits {
  std::string_view role;  // for messages
  LandlockRules landlock;
  bool may_open_files = false;    // within the Landlock rules
  bool may_connect = false;       // IPv4 and IPv6 sockets, outgoing
  bool may_serve = false;         // accept on sockets that are bound and listening already
  bool may_have_threads = false;  // libcurl's resolver, libmicrohttpd
};

/// No dumps, no ptrace by others, no_new_privs, Landlock, seccomp (killing): no exec and no fork for any
/// role. Call it before the first byte from the network or from a peer that may be taken over, and before any
/// thread exists. A kernel without Landlock is not an error here; without seccomp it is.
[[nodiscard]] Result<void> confine_role(const RoleLimits& limits);

// Each role's own main function; returns the exit status. Defined in worker/<role>/<role>_role.cc.
// `parent` is the channel to the main process.
int acme_role(Channel parent, Channel keeper);
int keeper_role(Channel parent, Channel acme);
int responder_role(Channel parent);
int dns_role(Channel parent);
int verify_role(Channel parent);

}  // namespace certlatch
