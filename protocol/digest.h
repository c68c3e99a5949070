// SPDX-License-Identifier: MIT
// What two parties compare in place of the bytes themselves: of a policy, of a chain, of a file.
#pragma once

#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace certlatch {

/// BLAKE2b-256 (crypto_generichash(3) of libsodium, no key).
using Digest = std::array<std::byte, 32>;

inline Digest digest_of(std::span<const std::byte> bytes) {
  Digest digest;
  crypto_generichash(reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                     reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr, 0);
  return digest;
}
inline Digest digest_of(std::string_view text) { return digest_of(std::as_bytes(std::span(text))); }

/// In hexadecimal digits, as b2sum -l 256 prints it.
inline std::string hex_text(const Digest& digest) {
  std::string text;
  for (const auto byte : digest) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

}  // namespace certlatch
