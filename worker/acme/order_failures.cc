// SPDX-License-Identifier: MIT
#include "worker/acme/order_failures.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

namespace certlatch {
namespace {
constexpr std::size_t kMostNamesToSay = 5;
}

std::string listed(const std::vector<std::string>& names) {
  const std::size_t said = std::min(names.size(), kMostNamesToSay);
  std::string text = fmt::format("{}", fmt::join(std::span(names).first(said), ", "));
  if (said < names.size()) text += fmt::format(" and {} more", names.size() - said);
  return text;
}

OrderFailed lost(const AuthorizationObject& object) {
  const auto* chosen = object.chosen();
  const auto has_error = [](const ChallengeObject& challenge) { return !challenge.error.type.empty(); };
  const auto found = std::ranges::find_if(object.challenges, has_error);
  Problem problem;
  if (chosen != nullptr && has_error(*chosen))
    problem = chosen->error;
  else if (found != object.challenges.end())
    problem = found->error;
  if (object.status == AuthorizationStatus::invalid) {
    auto failure = failure_with(fmt::format("the CA could not validate {}", object.name), std::move(problem));
    failure.invalid_names.push_back(object.name);
    return failure;
  }
  return failure_with(fmt::format("the CA's authorization for {} is {}", object.name, text_of(object.status)),
                      std::move(problem));
}

OrderFailed nothing_offered(const AuthorizationObject& object) {
  std::vector<std::string> offered;
  for (const auto& one : object.challenges) offered.push_back(one.type);
  return failure_with(fmt::format("the CA offers no {} challenge for {} (it offers {})", object.wanted,
                                  object.name, offered.empty() ? "none" : listed(offered)),
                      {});
}

OrderFailed together(const std::vector<std::pair<std::string, OrderFailed>>& failures) {
  OrderFailed all = failures.front().second;
  if (failures.size() == 1) return all;
  std::vector<std::string> names;
  all.subproblems.clear();
  all.order_is_lost = false;
  all.invalid_names.clear();
  for (const auto& [name, failure] : failures) {
    names.push_back(name);
    all.invalid_names.insert(all.invalid_names.end(), failure.invalid_names.begin(),
                             failure.invalid_names.end());
    if (all.subproblems.size() < kMaxSubProblems)
      all.subproblems.push_back(
          {name, failure.type, failure.detail.empty() ? failure.sentence : failure.detail});
    all.order_is_lost = all.order_is_lost || failure.order_is_lost;
  }
  all.sentence = fmt::format("the CA could not validate {} names: {}", names.size(), listed(names));
  all.detail.clear();  // each name's own stands below
  return all;
}

}  // namespace certlatch
