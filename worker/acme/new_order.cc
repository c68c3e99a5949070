// SPDX-License-Identifier: MIT
#include "worker/acme/new_order.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "worker/acme/identifier.h"
#include "worker/acme/json.h"

namespace certlatch {

NewOrder::NewOrder(const PlaceOrder& order, const CaTerms& terms, std::vector<std::string> names)
    : names_(std::move(names)),
      replaces_(terms.has_renewal_info ? order.replaces : ""),
      profile_(order.profile),
      profile_is_required_(order.profile_is_required) {
  if (profile_.empty() || std::ranges::count(terms.profiles, profile_)) return;
  if (profile_is_required_)
    fault_ = terms.profiles.empty()
                 ? fmt::format("the CA offers no profiles, and the profile `{}` is required", profile_)
                 : fmt::format("the CA does not offer the profile `{}`, which is required; it offers {}",
                               profile_, fmt::join(terms.profiles, ", "));
  profile_.clear();
}

std::string NewOrder::payload() const {
  Json identifiers = Json::array();
  for (const auto& name : names_) identifiers.push_back({{"type", identifier_type(name)}, {"value", name}});
  Json payload{{"identifiers", std::move(identifiers)}};
  if (!replaces_.empty()) payload["replaces"] = replaces_;
  if (!profile_.empty()) payload["profile"] = profile_;
  return payload.dump();
}

bool NewOrder::give_way_to(const Problem& problem, long status) {
  if (problem.is("invalidProfile") && !profile_is_required_ && !profile_.empty())
    return profile_.clear(), true;
  // Naming the certificate to be replaced is a courtesy, not a condition: whatever a CA says against the
  // order, even that it has a fault itself, may be about that alone. Except where it says what else it is.
  const bool is_about_us = status == 429 || problem.is("rateLimited") || problem.is("badNonce") ||
                           problem.is("userActionRequired") || problem.is("accountDoesNotExist") ||
                           problem.is("badSignatureAlgorithm") || problem.is("badPublicKey") ||
                           problem.is("invalidProfile");
  if (!is_about_us && !replaces_.empty()) return replaces_.clear(), true;
  return false;
}

}  // namespace certlatch
