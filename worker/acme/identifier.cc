// SPDX-License-Identifier: MIT
#include "worker/acme/identifier.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

namespace certlatch {
namespace {

std::optional<std::string> canonical_address(const std::string& name) {
  if (name.find('\0') != std::string::npos) return std::nullopt;
  std::array<unsigned char, sizeof(in6_addr)> address{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  for (const int family : {AF_INET, AF_INET6})
    if (::inet_pton(family, name.c_str(), address.data()) == 1)
      return ::inet_ntop(family, address.data(), text.data(), text.size());
  return std::nullopt;
}

}  // namespace

std::string_view identifier_type(const std::string& name) { return canonical_address(name) ? "ip" : "dns"; }

std::string canonical_name(std::string name) {
  if (auto address = canonical_address(name)) return *address;
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return name;
}

std::vector<std::string> canonical_names(const std::vector<std::string>& names) {
  std::vector<std::string> all;
  for (const auto& name : names)
    if (const auto canonical = canonical_name(name); !std::ranges::count(all, canonical))
      all.push_back(canonical);
  return all;
}

}  // namespace certlatch
