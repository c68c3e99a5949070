// SPDX-License-Identifier: MIT
// A text is a policy or has faults, never both and never neither; each fault is of a line that the text has.
#include "policy/policy.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "policy/decision.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto reading = certlatch::read_policy(text, "policy.conf");
  if (!reading) {
    if (reading.error().empty()) std::abort();
    const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
    for (const auto& fault : reading.error())
      if (fault.sentence.empty() || fault.line > lines) std::abort();
    return 0;
  }
  for (const auto& entry : reading->installs)
    for (const auto& name : entry.names)
      if (certlatch::refuse_names(*reading, entry, {name})) std::abort();
  return 0;
}
