// SPDX-License-Identifier: MIT
#include "protocol/secret.h"

#include <sodium.h>

#include <cstring>
#include <new>

namespace certlatch {

bool init_secrets() { return sodium_init() >= 0; }

Secret::Secret(std::size_t size) : size_(size) {
  if (size == 0) return;
  data_ = static_cast<std::byte*>(sodium_malloc(size));
  if (data_ == nullptr) throw std::bad_alloc();
  wipe();  // sodium_malloc fills with 0xdb
}

Secret Secret::copy_of(std::span<const std::byte> bytes) {
  Secret secret(bytes.size());
  if (secret.data_ != nullptr) std::memcpy(secret.data_, bytes.data(), bytes.size());
  return secret;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    sodium_free(data_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() { sodium_free(data_); }

void Secret::wipe() {
  if (size_ > 0) sodium_memzero(data_, size_);
}

}  // namespace certlatch
