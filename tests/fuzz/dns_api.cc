// SPDX-License-Identifier: MIT
// A DNS provider's API answers anything: it is parsed within bounds, and what is shown of it is printable.
#include <cstdlib>
#include <string_view>

#include "worker/dns/https_api.h"

using namespace certlatch;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto json = parse_api_answer({reinterpret_cast<const char*>(data), size});
  const auto text = json ? shown(text_of(*json, "error")) : json.error().message;
  for (const char c : text)
    if (c < 0x20 || c > 0x7e) std::abort();
  if (json && !json->is_object()) std::abort();
  return 0;
}
