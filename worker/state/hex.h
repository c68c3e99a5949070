// SPDX-License-Identifier: MIT
// Digests as they are written into the worker's files.
#pragma once

#include <string>
#include <string_view>

#include "protocol/messages.h"

namespace certlatch {

[[nodiscard]] std::string hex_text(const Digest& digest);
/// False when it is anything but so many hexadecimal digits.
[[nodiscard]] bool read_hex(std::string_view text, Digest& digest);

}  // namespace certlatch
