// SPDX-License-Identifier: MIT
// The worker's roles: `certlatch` executed again with one task, joined to the main process by a socketpair.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/channel.h"
#include "protocol/result.h"

namespace certlatch {

/// What a role may do at and below a path.
enum class PathAccess : std::uint8_t {
  read,      // open files to read, list directories
  maintain,  // a directory: as protocol/landlock.h has it
};

struct LandlockPath {
  std::string path;  // absolute; it exists
  PathAccess access = PathAccess::read;
};

struct LandlockRules {
  std::vector<LandlockPath> paths;         // everything else in the file system is refused
  std::vector<std::uint16_t> tcp_connect;  // ports; all others are refused
  bool any_tcp_connect = false;            // leave outgoing TCP alone
};

/// What a role is left with, whatever it is made to execute afterwards.
struct RoleLimits {
  std::string_view role;  // for messages
  LandlockRules landlock;
  bool may_open_files = false;    // within the Landlock rules
  bool may_connect = false;       // IPv4 and IPv6 sockets, outgoing
  bool may_serve = false;         // accept on sockets that are bound and listening already
  bool may_have_threads = false;  // libcurl's resolver, verify's places
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
