// SPDX-License-Identifier: MIT
// A certificate request that was made elsewhere.
#pragma once

#include <string>

#include "protocol/result.h"

namespace certlatch {

/// The request in the file, which is PEM or DER, as DER. What it asks for, the CA judges.
[[nodiscard]] Result<std::string> read_csr_file(const std::string& path);

}  // namespace certlatch
