// SPDX-License-Identifier: MIT
// The audit log, as somebody may have left it: what is printed of it is plain text, and no log of more than
// one line that was not chained by us is whole.
#include "policy/tool/history.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace certlatch;
  if (sodium_init() < 0) std::abort();
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto history = read_history({{"log.1", text.substr(0, size / 2)}, {"log", text.substr(size / 2)}});
  const auto page = page_of(history);
  if (std::ranges::any_of(page, [](char c) { return c != '\n' && (c < ' ' || c > '~'); })) std::abort();
  return 0;
}
