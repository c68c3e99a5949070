// SPDX-License-Identifier: MIT
#include "worker/state/host_name.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace certlatch {
namespace {

constexpr std::size_t kMaxHostName = 253, kMaxLabel = 63, kMaxSectionName = 64;

// Not <cctype>: its answers depend on the locale.
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

std::string canonical_address(std::string_view text) {
  std::array<unsigned char, 16> raw;
  std::array<char, INET6_ADDRSTRLEN> canonical;
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, std::string(text).c_str(), raw.data()) == 1)
      return ::inet_ntop(family, raw.data(), canonical.data(), canonical.size());
  }
  return {};
}

std::string fault_of_dns_label(std::string_view label) {
  if (label.empty()) return "has an empty label";
  if (label.size() > kMaxLabel) return fmt::format("has a label of more than {} characters", kMaxLabel);
  if (label.front() == '-' || label.back() == '-') return "has a label that begins or ends with `-`";
  if (!std::ranges::all_of(label, [](char c) { return is_letter(c) || is_digit(c) || c == '-'; }))
    return "has a character other than letters, digits, `-` and `.`; an international name is written in its "
           "xn-- form";
  return {};
}

}  // namespace

Result<std::string> canonical_name(std::string_view text) {
  if (auto address = canonical_address(text); !address.empty()) return address;
  const auto refused = [&](std::string_view why) {
    return fail(Error::invalid(fmt::format("`{}` {}", text, why)));
  };
  if (text.ends_with('.')) return refused("ends with a dot");
  if (text.size() > kMaxHostName) return refused(fmt::format("has more than {} characters", kMaxHostName));
  std::string_view labels = text;
  if (is_wildcard(labels)) labels.remove_prefix(2);
  if (!labels.contains('.')) return refused("is not a full host name: no CA issues for it");
  std::string_view last;
  for (std::string_view left = labels;;) {
    const auto dot = left.find('.');
    last = left.substr(0, dot);
    if (const auto fault = fault_of_dns_label(last); !fault.empty()) return refused(fault);
    if (dot == left.npos) break;
    left.remove_prefix(dot + 1);
  }
  if (std::ranges::all_of(last, is_digit)) return refused("is neither a host name nor an address");
  std::string name(text);
  std::ranges::transform(name, name.begin(), lower);
  return name;
}

std::string fault_of_label(std::string_view text) {
  if (text.empty()) return "has no name";
  if (text.size() > kMaxSectionName) return fmt::format("has more than {} characters", kMaxSectionName);
  if (!is_letter(text.front()) && !is_digit(text.front())) return "does not begin with a letter or a digit";
  const auto is_allowed = [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
  };
  if (!std::ranges::all_of(text, is_allowed))
    return "has a character other than letters, digits, `.`, `-` and `_`";
  return {};
}

}  // namespace certlatch
