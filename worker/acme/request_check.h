// SPDX-License-Identifier: MIT
// A certificate request that was made elsewhere, looked at as a CA would, before the CA is asked for
// anything.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace certlatch {

/// Kind::invalid, with a sentence, unless `csr` (PKCS #10, DER) is signed with its own key, asks for each of
/// `names` (canonical) and for nothing else (RFC 8555, section 7.4), and its key and signature are of a kind
/// that CAs take.
[[nodiscard]] Result<void> check_request(std::string_view csr, const std::vector<std::string>& names);

}  // namespace certlatch
