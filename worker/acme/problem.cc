// SPDX-License-Identifier: MIT
#include "worker/acme/problem.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "worker/acme/link.h"
#include "worker/acme/printable.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxTypeBytes = 256;
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxUrlBytesToShow = 300;
constexpr std::size_t kMaxAlgorithms = 20;
constexpr std::size_t kMaxAlgorithmBytes = 20;

std::string text(const Json& object, const char* member, std::size_t most) {
  if (!object.is_object()) return "";
  const auto found = object.find(member);
  if (found == object.end() || !found->is_string()) return "";
  return printable(found->get_ref<const std::string&>(), most);
}

/// Worth a later run's try with the same order: the CA was busy or broken, not the order.
bool may_pass(const HttpResponse& response, const Problem& problem) {
  return response.status >= 500 || response.status == 429 || problem.is("rateLimited") ||
         problem.is("badNonce") || problem.is("serverInternal");
}

std::string sentence_for(std::string_view what, const HttpResponse& response, const Problem& problem) {
  if (response.status >= 300 && response.status < 400)
    return fmt::format(
        "{}: the CA redirects (status {}) to \"{}\"; ACME has no redirects, and none is followed", what,
        response.status, printable(response.location, 200));
  if (!problem.type.empty() || !problem.detail.empty())
    return response.status >= 500
               ? fmt::format("{}: the CA has a fault of its own (status {})", what, response.status)
               : fmt::format("{}: the CA refuses the request (status {})", what, response.status);
  if (response.body.empty())
    return fmt::format("{}: the CA answers with status {} and nothing else", what, response.status);
  return fmt::format("{}: the CA answers with status {} and no explanation (the answer begins: {})", what,
                     response.status, printable(response.body, 80));
}

/// What a person can do about it (RFC 8555, sections 6.2 and 7.3.3); nothing when the CA does not say.
std::string remedy_for(const HttpResponse& response, const Problem& problem) {
  if (problem.is("badSignatureAlgorithm") && !problem.algorithms.empty())
    return fmt::format(
        "; it takes {} and not the kind of key that the account has: `account key` chooses the kind of a new "
        "account's",
        fmt::join(problem.algorithms, ", "));
  if (!problem.is("userActionRequired")) return "";
  const auto terms = links_to("terms-of-service", response.links, response.url);
  std::string text = "; it wants something to be done first";
  if (!terms.empty())
    text +=
        fmt::format("; its terms of service have changed: read {}", printable(terms[0], kMaxUrlBytesToShow));
  if (!problem.instance.empty())
    text += fmt::format("; visit {} and do what it says there", problem.instance);
  return text + "; the next run after that goes on";
}

}  // namespace

bool Problem::is(std::string_view acme_error) const {
  constexpr std::string_view kNamespace = "urn:ietf:params:acme:error:";
  return type.starts_with(kNamespace) && std::string_view(type).substr(kNamespace.size()) == acme_error;
}

Problem problem_in(const Json& json) {
  Problem problem{text(json, "type", kMaxTypeBytes),
                  text(json, "detail", kMaxProblemTextBytes),
                  {},
                  text(json, "instance", kMaxUrlBytesToShow),
                  {}};
  if (!json.is_object()) return problem;
  if (const auto known = json.find("algorithms"); known != json.end() && known->is_array())
    for (const Json& one : *known)
      if (one.is_string() && problem.algorithms.size() < kMaxAlgorithms)
        problem.algorithms.push_back(printable(one.get_ref<const std::string&>(), kMaxAlgorithmBytes));
  const auto list = json.find("subproblems");
  if (list == json.end() || !list->is_array()) return problem;
  for (const Json& one : *list) {
    if (problem.subproblems.size() == kMaxSubProblems) break;
    if (!one.is_object()) continue;
    const auto identifier = one.find("identifier");
    problem.subproblems.push_back({identifier == one.end() ? "" : text(*identifier, "value", kMaxNameBytes),
                                   text(one, "type", kMaxTypeBytes),
                                   text(one, "detail", kMaxProblemTextBytes)});
  }
  return problem;
}

Problem problem_of(const HttpResponse& response) {
  const auto json = parse_object(response.body, "");
  return json ? problem_in(*json) : Problem{};
}

OrderFailed failure_of(std::string_view what, const HttpResponse& response) {
  Problem problem = problem_of(response);
  const bool is_lost = !may_pass(response, problem);
  std::string sentence = sentence_for(what, response, problem) + remedy_for(response, problem);
  auto failure = failure_with(std::move(sentence), std::move(problem));
  failure.order_is_lost = is_lost;
  return failure;
}

OrderFailed failure_with(std::string sentence, Problem problem) {
  OrderFailed failure;
  failure.sentence = printable(sentence, kMaxProblemTextBytes);
  failure.type = std::move(problem.type);
  failure.detail = std::move(problem.detail);
  failure.subproblems = std::move(problem.subproblems);
  return failure;
}

OrderFailed failure_that_may_pass(std::string sentence) {
  auto failure = failure_with(std::move(sentence), {});
  failure.order_is_lost = false;
  return failure;
}

}  // namespace certlatch
