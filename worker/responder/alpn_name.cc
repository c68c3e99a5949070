// SPDX-License-Identifier: MIT
#include "worker/responder/alpn_name.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace certlatch {

std::string server_name_of(const std::string& name) {
  std::array<unsigned char, 16> bytes{};
  std::string text;
  if (::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1) {
    for (int i = 3; i >= 0; --i) text += fmt::format("{}.", bytes.at(static_cast<std::size_t>(i)));
    return text + "in-addr.arpa";
  }
  if (::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1) {
    for (int i = 15; i >= 0; --i) {
      const unsigned byte = bytes.at(static_cast<std::size_t>(i));
      text += fmt::format("{:x}.{:x}.", byte & 15, byte >> 4);
    }
    return text + "ip6.arpa";
  }
  text = name;
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

}  // namespace certlatch
