// SPDX-License-Identifier: MIT
// From root to almost nothing, in one step and for good: the broker's own uid, CAP_NET_ADMIN, Landlock for
// the directories that the policy names, and a seccomp filter that kills on anything this program never does.
//
// What each layer is for: a process with uid 0 that can reach D-Bus is root whatever else it dropped, hence
// the uid. Landlock does not restrict chmod, chown, connect to a Unix socket or exec of what is open already,
// hence seccomp. Seccomp cannot read a path, hence Landlock, and hence descriptors that are held since the
// start.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/result.h"

namespace certlatch {

struct Confinement {
  uid_t uid = 0;  // not 0
  gid_t gid = 0;
  /// Of the install entries: whom a file may be given to. CAP_CHOWN stays when one is not the broker.
  std::set<std::pair<uid_t, gid_t>> owners;
  std::vector<std::string> directories;  // which may be read and changed; absolute, existing
  bool is_required = true;               // otherwise what the kernel lacks is named, and the rest is applied
};

/// Restricts the calling process, which is root and has one thread. Returns what is in force, in words, for
/// Hello and the log. On an error the process may be half confined: it must end.
[[nodiscard]] Result<std::string> confine(const Confinement& confinement);

}  // namespace certlatch
