// SPDX-License-Identifier: MIT
#include "worker/state/config.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto reading = certlatch::read_config(text, "certlatch.conf");
  if (reading.config.has_value() == !reading.faults.empty()) std::abort();
  const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
  for (const auto& fault : reading.faults)
    if (fault.sentence.empty() || fault.line > lines) std::abort();
  return 0;
}
