// SPDX-License-Identifier: MIT
// Is a chain what was asked for? And all that the worker needs to know of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace certlatch {

struct IssuedChain {
  std::int64_t not_before = 0;  // of the leaf, seconds since 1970
  std::int64_t not_after = 0;
  std::string renewal_id;  // its name in renewal information (RFC 9773, section 4.1); empty: it has none
  std::string root_name;   // the common name of who issued the last certificate; may be empty
  std::vector<std::string> names;  // host names and addresses of the leaf, canonical
  std::string public_key;          // of the leaf: SubjectPublicKeyInfo, DER
};

/// Of the certificates in `chain` (PEM). Kind::invalid, with a sentence, unless its dates make sense and each
/// certificate is issued by the next one.
[[nodiscard]] Result<IssuedChain> read_chain(std::string_view chain);

/// The same, and Kind::invalid unless the leaf's key is that of the request `csr` (PKCS #10, DER) and each of
/// `names` (canonical) is among its names.
[[nodiscard]] Result<IssuedChain> check_chain(std::string_view chain, std::string_view csr,
                                              const std::vector<std::string>& names);

}  // namespace certlatch
