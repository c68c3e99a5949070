// SPDX-License-Identifier: MIT
#include "policy/host_name.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ranges>

namespace certlatch {
namespace {

constexpr std::size_t kMaxNameBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLabelBytes = "abcdefghijklmnopqrstuvwxyz0123456789-";

std::string canonical_address(const std::string& text) {
  for (const int family : {AF_INET, AF_INET6}) {
    std::array<unsigned char, 16> address{};
    std::array<char, INET6_ADDRSTRLEN> written{};
    // A NUL would end the text for inet_pton.
    if (!text.contains('\0') && inet_pton(family, text.c_str(), address.data()) == 1)
      return inet_ntop(family, address.data(), written.data(), written.size());
  }
  return {};
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabelBytes && !label.starts_with('-') &&
         !label.ends_with('-') && label.find_first_not_of(kLabelBytes) == label.npos;
}

}  // namespace

Result<std::string> canonical_name(std::string_view text) {
  std::string name(text);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  if (auto address = canonical_address(name); !address.empty()) return address;
  const std::string_view labels = std::string_view(name).substr(name.starts_with("*.") ? 2 : 0);
  if (name.size() <= kMaxNameBytes && !is_address(name) &&
      std::ranges::all_of(std::views::split(labels, '.'),
                          [](auto label) { return is_label(std::string_view(label)); }))
    return name;
  return fail(Error::invalid(fmt::format(
      "`{}` is neither a host name as DNS has it (not Unicode but xn--; no number at its end), nor one with "
      "`*` as its first label, nor an IP address",
      text)));
}

bool is_address(std::string_view canonical) {
  const auto last = canonical.substr(canonical.rfind('.') + 1);
  return canonical.contains(':') || last.find_first_not_of(kDigits) == last.npos;
}

}  // namespace certlatch
