// SPDX-License-Identifier: MIT
#include "worker/run/hints.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>

namespace certlatch {

std::string address_hint(const std::vector<NameAddresses>& names) {
  constexpr std::size_t kMostNames = 5;
  std::string text;
  for (const NameAddresses& found : std::span(names).first(std::min(names.size(), kMostNames))) {
    if (found.addresses == std::vector{found.name}) continue;
    if (!found.addresses.empty())
      text += fmt::format("\n  hint: here, {} leads to {}", found.name, fmt::join(found.addresses, ", "));
    else if (found.trouble.empty())
      text += fmt::format("\n  hint: here, {} has no address", found.name);
  }
  return text;
}

std::string account_hint(const OrderFailed& failure, const std::string& ca, const std::string& state) {
  if (!failure.type.ends_with(":unauthorized")) return {};
  return fmt::format(
      "\n  hint: if the account of [ca {0}] has been deactivated: move {1}/accounts/{0}/key.pem away, and "
      "the "
      "next run makes another account",
      ca, state);
}

std::string directory_hint(const std::string& directory) {
  if (directory.empty() || ::access(directory.c_str(), F_OK) == 0 || errno != ENOENT) return {};
  return fmt::format(
      "\n  hint: {} has been removed while the broker was running: restart certlatchd, which makes it anew",
      directory);
}

std::string responder_hint(const std::optional<TokenForgotten>& seen, std::uint16_t port) {
  if (!seen) return {};
  if (seen->requests > 0) {
    return fmt::format("\n  hint: the responder answered {} request{} for it", seen->requests,
                       seen->requests == 1 ? "" : "s");
  }
  if (seen->connections > 0)
    return "\n  hint: there were connections to the responder, but none asked for this challenge";
  return fmt::format(
      "\n  hint: nobody reached the responder: do the names lead to this host, and does whatever stands "
      "before it let "
      "port {} through?",
      port);
}

}  // namespace certlatch
