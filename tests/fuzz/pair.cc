// SPDX-License-Identifier: MIT
// The input is a chain, a NUL byte and a key. An accepted pair has names, dates, and a leaf within the chain.
#include <cstdlib>
#include <string_view>

#include "broker/inspector/pair_check.h"
#include "protocol/secret.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const bool ready = certlatch::init_secrets();
  if (!ready) std::abort();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto cut = std::min(input.find('\0'), input.size());
  const auto chain = input.substr(0, cut);
  const auto key = cut < input.size() ? input.substr(cut + 1) : std::string_view();
  const auto verdict = certlatch::check_pair(chain, key, nullptr, 1'800'000'000);
  if (verdict && (verdict->names.empty() || verdict->leaf_bytes > chain.size() || verdict->leaf_bytes == 0 ||
                  verdict->not_after <= 1'800'000'000))
    std::abort();
  if (!verdict && verdict.error().message.empty()) std::abort();
  return 0;
}
