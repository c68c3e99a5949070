// SPDX-License-Identifier: MIT
// The broker's socket, inherited from the service manager or made here.
#pragma once

#include <sys/types.h>

#include <string>

#include "protocol/result.h"
#include "protocol/unique_fd.h"

namespace certlatch {

/// The listening socket that a service manager passed on (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS), not open
/// when there is none. Anything but one listening Unix stream socket is an error. The variables are
/// removed.
[[nodiscard]] Result<UniqueFd> inherited_listener();

/// Makes the socket at `path`, mode 0660, owned by root and `group`. A stale one is replaced; Kind::conflict
/// when another broker answers there.
[[nodiscard]] Result<UniqueFd> make_listener(const std::string& path, gid_t group);

}  // namespace certlatch
