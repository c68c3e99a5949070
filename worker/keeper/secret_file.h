// SPDX-License-Identifier: MIT
// Small files with one secret, that the admin or the service manager put there.
#pragma once

#include <string>

#include "protocol/result.h"
#include "protocol/secret.h"

namespace certlatch {

/// The file's text without the line's end. Refused when others than its owner's group may read it, or when it
/// is empty or longer than 4 KiB.
[[nodiscard]] Result<Secret> read_secret_file(const std::string& path);

}  // namespace certlatch
