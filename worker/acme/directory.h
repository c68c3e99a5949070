// SPDX-License-Identifier: MIT
// A CA's directory (RFC 8555, section 7.1.1; RFC 9773, section 4; profiles), read whole or not at all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace certlatch {

struct Directory {
  // URLs of the directory's origin. These three must be there.
  std::string new_nonce;
  std::string new_account;
  std::string new_order;
  // Empty when the CA has none.
  std::string revoke_cert;
  std::string key_change;
  std::string renewal_info;
  // Of "meta".
  std::string terms;  // where they are to be read; printable
  bool wants_eab = false;
  std::vector<std::string> profiles;        // their names, printable
  std::vector<std::string> caa_identities;  // host names that CAA records call it by (RFC 8659), printable
  std::int64_t date = 0;  // when it was answered, by the CA's clock; seconds since 1970, 0 when unknown
};

[[nodiscard]] Result<Directory> read_directory(std::string_view body, std::string_view origin);

}  // namespace certlatch
