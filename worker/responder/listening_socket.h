// SPDX-License-Identifier: MIT
// The responder's sockets, bound before it confines itself.
#pragma once

#include "protocol/result.h"
#include "protocol/unique_fd.h"
#include "worker/responder/messages.h"

namespace certlatch {

/// Non-blocking, close-on-exec, listening. Every address means [::] for both families, or 0.0.0.0 on a host
/// without IPv6. Kind::conflict when the port is taken.
[[nodiscard]] Result<UniqueFd> listening_socket(const ListenAt& place);

/// Does any program of this host listen on the TCP port for others than the host itself?
[[nodiscard]] bool is_served(std::uint16_t port);

}  // namespace certlatch
