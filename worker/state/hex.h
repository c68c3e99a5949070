// SPDX-License-Identifier: MIT
// Digests as hex_text() writes them into the worker's files.
#pragma once

#include <string_view>

#include "protocol/digest.h"

namespace certlatch {

/// False when it is anything but so many hexadecimal digits.
[[nodiscard]] bool read_hex(std::string_view text, Digest& digest);

}  // namespace certlatch
