// SPDX-License-Identifier: MIT
#include "policy/audit_chain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sodium.h>

namespace certlatch {

std::string chained(std::string_view previous, std::string_view line) {
  const auto text = fmt::format("{}\n{}", previous, line);
  unsigned char hash[kChainDigits / 2];
  crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                     nullptr, 0);
  return fmt::format("{}{}{:02x}", line, kChainField, fmt::join(hash, ""));
}

std::string_view last_chain(std::string_view text) {
  for (auto at = text.size(); at != 0 && (at = text.rfind(kChainField, at - 1)) != text.npos;)
    // In quotes, as a request could have it, a quotation mark follows somewhere before the line ends.
    if (const auto digits = text.substr(at + kChainField.size()); digits.find('\n') == kChainDigits)
      return digits.substr(0, kChainDigits);
  return {};
}

}  // namespace certlatch
