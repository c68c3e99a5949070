// SPDX-License-Identifier: MIT
// Memory for private keys and for the frames that carry them: locked, between guard pages, left out of core
// dumps, wiped when it goes (libsodium, sodium_malloc(3)). It cannot be copied, compared or printed.
#pragma once

#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <span>
#include <string_view>
#include <vector>

namespace certlatch {

/// Must run once at the start of each program, before any Secret is made: sodium_init(3).
/// False when libsodium cannot find a source of randomness; the program must then end.
[[nodiscard]] inline bool init_secrets() { return sodium_init() >= 0; }

/// An allocator (as of std::vector) of such memory.
template <class T>
struct GuardedMemory {
  using value_type = T;
  T* allocate(std::size_t count) {
    if (void* memory = sodium_allocarray(count, sizeof(T))) return static_cast<T*>(memory);
    throw std::bad_alloc();
  }
  void deallocate(T* memory, std::size_t) { sodium_free(memory); }
  bool operator==(const GuardedMemory&) const = default;
};

class Secret {
 public:
  /// Holds nothing.
  Secret() = default;
  /// `size` zero bytes. Throws std::bad_alloc when memory cannot be had, as every container does.
  explicit Secret(std::size_t size) : bytes_(size) {}
  static Secret copy_of(std::span<const std::byte> bytes) {
    Secret secret(bytes.size());
    std::ranges::copy(bytes, secret.bytes_.begin());
    return secret;
  }
  static Secret copy_of(std::string_view text) { return copy_of(std::as_bytes(std::span(text))); }
  // Moving leaves nothing behind.
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret&&) noexcept = default;

  [[nodiscard]] std::span<std::byte> bytes() { return bytes_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  /// The same bytes as text; valid as long as the Secret.
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

  /// Overwrites the contents with zeros; the size stays.
  void wipe() { sodium_memzero(bytes_.data(), bytes_.size()); }

 private:
  std::vector<std::byte, GuardedMemory<std::byte>> bytes_;
};

}  // namespace certlatch
