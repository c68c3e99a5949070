// SPDX-License-Identifier: MIT
#include "worker/state/hex.h"

#include <sodium.h>

namespace certlatch {

bool read_hex(std::string_view text, Digest& digest) {
  std::size_t length = 0;
  const char* end = nullptr;
  return text.size() == 2 * digest.size() &&
         sodium_hex2bin(reinterpret_cast<unsigned char*>(digest.data()), digest.size(), text.data(),
                        text.size(), nullptr, &length, &end) == 0 &&
         length == digest.size() && end == text.data() + text.size();
}

}  // namespace certlatch
