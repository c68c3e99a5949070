// SPDX-License-Identifier: MIT
#include "policy/decision.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <ranges>

namespace certlatch {
namespace {

constexpr std::size_t kMaxShownBytes = 100;

// What the worker or a certificate says, fit for a log and a terminal.
std::string shown(std::string_view text) {
  std::string safe(text.substr(0, kMaxShownBytes));
  std::ranges::replace_if(
      safe, [](char c) { return c <= ' ' || c > '~'; }, '?');
  return text.size() > kMaxShownBytes ? safe + "..." : safe;
}

constexpr std::size_t kMaxNameBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;
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

Refused refuse_unknown(const Policy& policy, std::string_view kind, std::string_view name) {
  return {.sentence = fmt::format("{0} {2}: refused, since no line of {3} allows it: there is no [{1} {2}]",
                                  kind == "service" ? "restart" : kind, kind, shown(name), policy.file)};
}

std::optional<Refused> refuse_names(const Policy& policy, const InstallEntry& install,
                                    const std::vector<std::string>& certificate_names) {
  const auto uncovered = std::ranges::find_if(certificate_names, [&](const std::string& asked) {
    return std::ranges::none_of(install.names, [&](const auto& allowed) { return covers(allowed, asked); });
  });
  if (!certificate_names.empty() && uncovered == certificate_names.end()) return std::nullopt;
  const auto name = certificate_names.empty() ? "no name at all" : shown(*uncovered);
  return Refused{
      .line = install.names_line,
      .sentence = fmt::format("install {}: refused, since the certificate is for {}, which `names` "
                              "on line {} of {} does not cover",
                              install.name, name, install.names_line, policy.file)};
}

Result<std::string> canonical_name(std::string_view text) {
  std::string name(text);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  if (auto address = canonical_address(name); !address.empty()) return address;
  const std::string_view labels = std::string_view(name).substr(name.starts_with("*.") ? 2 : 0);
  // The last label is not a number, or it could be taken for the end of an address.
  const auto last_letter = name.find_last_not_of("0123456789");
  if (name.size() <= kMaxNameBytes && last_letter != name.npos && name[last_letter] != '.' &&
      std::ranges::all_of(std::views::split(labels, '.'),
                          [](auto label) { return is_label(std::string_view(label)); }))
    return name;
  return fail(Error::invalid(fmt::format(
      "`{}` is neither a host name as DNS has it (not Unicode but xn--; no number at its end), nor one with "
      "`*` as its first label, nor an IP address",
      text)));
}

bool covers(std::string_view allowed, std::string_view name) {
  const auto canonical = canonical_name(name);
  if (!canonical) return false;
  if (*canonical == allowed) return true;
  if (!allowed.starts_with("*.") || !canonical_address(*canonical).empty()) return false;
  // "*.example.org" and "www.example.org" are the same from the first dot on. A wildcard for another name's
  // subdomains has a longer rest.
  const auto dot = canonical->find('.');
  return dot != canonical->npos && canonical->substr(dot) == allowed.substr(1);
}

}  // namespace certlatch
