// SPDX-License-Identifier: MIT
// Certificate requests: PKCS #10 (RFC 2986) with the names as subjectAltName.
#pragma once

#include <string>
#include <vector>

#include "protocol/result.h"
#include "worker/keeper/openssl_types.h"

namespace certlatch {

/// DER. `names` are host names, wildcards ("*.example.org") and IP addresses, 1 to 100 of them. The first is
/// also the subject's common name if it is a host name of at most 64 bytes. Kind::invalid for anything that
/// is no name.
[[nodiscard]] Result<std::string> make_csr(const PrivateKey& key, const std::vector<std::string>& names);

}  // namespace certlatch
