// SPDX-License-Identifier: MIT
// A private key that is given on the command line.
#pragma once

#include <string>

#include "protocol/result.h"
#include "protocol/secret.h"

namespace certlatch {

/// What the file holds; `-` is standard input. Kind::invalid when it is longer than any key.
[[nodiscard]] Result<Secret> read_key_file(const std::string& path);

}  // namespace certlatch
