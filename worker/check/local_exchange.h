// SPDX-License-Identifier: MIT
// A few bytes there and back with a server of this host, to see what it would tell a CA. What comes back is
// compared, and never taken apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/channel.h"
#include "protocol/unique_fd.h"

namespace certlatch {

/// `address` is an IP address. A connection; or none, with errno ETIMEDOUT unless somebody says that there is
/// no such place.
[[nodiscard]] UniqueFd connect_to(const std::string& address, std::uint16_t port, Deadline deadline);

/// All that is answered, up to `wanted` or a few KiB; nothing when it does not end in time.
[[nodiscard]] std::optional<std::string> exchange(int fd, const std::string& request,
                                                  const std::string& wanted, Deadline deadline);

/// The request of http-01.
[[nodiscard]] std::string challenge_request(const std::string& host, const std::string& token);

}  // namespace certlatch
