// SPDX-License-Identifier: MIT
// Memory for private keys and for the frames that carry them: locked, between guard pages, left out of core
// dumps, wiped when it goes (libsodium, sodium_malloc(3)). It cannot be copied, compared or printed.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace certlatch {

class Secret {
 public:
  /// Holds nothing.
  Secret() = default;
  /// `size` zero bytes. Throws std::bad_alloc when memory cannot be had, as every container does.
  explicit Secret(std::size_t size);
  static Secret copy_of(std::span<const std::byte> bytes);
  static Secret copy_of(std::string_view text) { return copy_of(std::as_bytes(std::span(text))); }

  Secret(Secret&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  [[nodiscard]] std::span<std::byte> bytes() { return {data_, size_}; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// The same bytes as text; valid as long as the Secret.
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  /// Overwrites the contents with zeros; the size stays.
  void wipe();

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Must run once at the start of each program, before any Secret is made: sodium_init(3).
/// False when libsodium cannot find a source of randomness; the program must then end.
[[nodiscard]] bool init_secrets();

}  // namespace certlatch
