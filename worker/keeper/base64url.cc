// SPDX-License-Identifier: MIT
#include "worker/keeper/base64url.h"

#include <sodium.h>

namespace certlatch {

std::string base64url(std::span<const std::byte> bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  // The encoder needs room for its terminating NUL too.
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kVariant);
  text.pop_back();
  return text;
}

}  // namespace certlatch
