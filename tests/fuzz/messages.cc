// SPDX-License-Identifier: MIT
// Whatever decodes as a message encodes to the very same bytes: there is one form of each, and nothing is
// lost.
#include "protocol/messages.h"

#include <cstdlib>
#include <string>

#include "protocol/archive.h"

namespace {

template <class Message>
void check(std::span<const std::byte> input) {
  const auto message = certlatch::decode<Message>(input);
  if (!message) return;
  std::string again(input.size() + 1, '\0');
  const auto size = certlatch::encode(*message, std::as_writable_bytes(std::span(again)));
  if (!size || *size != input.size() || std::memcmp(again.data(), input.data(), input.size()) != 0)
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const bool ready = certlatch::init_secrets();
  if (!ready) std::abort();
  const auto input = std::as_bytes(std::span(data, size));
  check<certlatch::Request>(input);
  check<certlatch::Answer>(input);
  return 0;
}
