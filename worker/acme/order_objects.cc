// SPDX-License-Identifier: MIT
#include "worker/acme/order_objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "worker/acme/identifier.h"
#include "worker/acme/printable.h"
#include "worker/acme/url.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxNames = 100;
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxChallenges = 32;
constexpr std::size_t kMaxTypeBytes = 64;
constexpr std::size_t kMaxTokenBytes = 128;

// In the order of the enums.
constexpr std::array<std::string_view, 5> kOrderStatuses{"pending", "ready", "processing", "valid",
                                                         "invalid"};
constexpr std::array<std::string_view, 4> kChallengeStatuses{"pending", "processing", "valid", "invalid"};
constexpr std::array<std::string_view, 6> kAuthorizationStatuses{"pending",     "valid",   "invalid",
                                                                 "deactivated", "expired", "revoked"};

template <class Status>
Result<Status> status_in(const Json& json, std::span<const std::string_view> known, std::string_view what) {
  const auto text = text_in(json, "status", what);
  if (!text) return fail(text.error());
  const auto found = std::ranges::find(known, *text);
  if (found == known.end())
    return fail(Error::invalid(
        fmt::format("the CA's answer to {} has an unknown status: {}", what, printable(*text, 40))));
  return static_cast<Status>(found - known.begin());
}

/// An identifier's value, canonical. It may be shown and sent on: a CA that puts odd characters into it is
/// refused.
Result<std::string> identifier_in(const Json& json, std::string_view what) {
  const auto value = text_in(json, "value", what);
  if (!value) return fail(value.error());
  const bool visible = std::ranges::all_of(*value, [](char c) { return c > ' ' && c < '\x7f'; });
  if (!visible || value->size() > kMaxNameBytes)
    return fail(Error::invalid(fmt::format("the CA's answer to {} has an identifier that is no name: {}",
                                           what, printable(*value, 80))));
  return canonical_name(*value);
}

Result<void> check_token(std::string_view token, std::string_view what) {
  const bool is_base64url =
      token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
      std::string_view::npos;
  if (token.empty() || token.size() > kMaxTokenBytes || !is_base64url)
    return fail(
        Error::invalid(fmt::format("the CA's answer to {} has a challenge whose token is not base64url of 1 "
                                   "to {} characters: {}",
                                   what, kMaxTokenBytes, printable(token, 80))));
  return {};
}

Result<ChallengeObject> read_challenge(const Json& json, std::string_view what, std::string_view origin,
                                       std::string_view wanted) {
  ChallengeObject challenge;
  const auto type = text_in(json, "type", what);
  if (!type) return fail(type.error());
  challenge.type = printable(*type, kMaxTypeBytes);
  if (const auto error = json.find("error"); error != json.end()) challenge.error = problem_in(*error);
  // The others may have members that are not known today.
  if (challenge.type != wanted) return challenge;
  const auto url = text_in(json, "url", what);
  if (!url) return fail(url.error());
  if (auto good = check_url(*url, "the CA's challenge URL", origin); !good) return fail(good.error());
  const auto token = text_in(json, "token", what);
  if (!token) return fail(token.error());
  if (auto good = check_token(*token, what); !good) return fail(good.error());
  const auto status = status_in<ChallengeStatus>(json, kChallengeStatuses, what);
  if (!status) return fail(status.error());
  challenge.url = *url;
  challenge.token = *token;
  challenge.status = *status;
  return challenge;
}

}  // namespace

const ChallengeObject* AuthorizationObject::chosen() const {
  const auto found = std::ranges::find(challenges, wanted, &ChallengeObject::type);
  return found == challenges.end() ? nullptr : &*found;
}

std::string_view text_of(AuthorizationStatus status) {
  return kAuthorizationStatuses.at(static_cast<std::size_t>(status));
}

Result<OrderObject> read_order(std::string_view body, std::string_view what, std::string_view origin) {
  const auto json = parse_object(body, what);
  if (!json) return fail(json.error());
  OrderObject order;
  const auto status = status_in<OrderStatus>(*json, kOrderStatuses, what);
  if (!status) return fail(status.error());
  order.status = *status;
  const auto names = list_in(*json, "identifiers", kMaxNames, what);
  if (!names) return fail(names.error());
  for (const Json& one : **names) {
    auto name = identifier_in(one, what);
    if (!name) return fail(name.error());
    order.names.push_back(std::move(*name));
  }
  const auto authorizations = list_in(*json, "authorizations", kMaxNames, what);
  if (!authorizations) return fail(authorizations.error());
  for (const Json& one : **authorizations) {
    const std::string url = one.is_string() ? one.get<std::string>() : "";
    if (auto good = check_url(url, "the CA's authorization URL", origin); !good) return fail(good.error());
    order.authorizations.push_back(url);
  }
  auto finalize = text_in(*json, "finalize", what);
  if (!finalize) return fail(finalize.error());
  if (auto good = check_url(*finalize, "the CA's finalize URL", origin); !good) return fail(good.error());
  order.finalize = std::move(*finalize);
  if (order.status == OrderStatus::valid) {
    auto certificate = text_in(*json, "certificate", what);
    if (!certificate) return fail(certificate.error());
    if (auto good = check_url(*certificate, "the CA's certificate URL", origin); !good)
      return fail(good.error());
    order.certificate = std::move(*certificate);
  }
  if (const auto error = json->find("error"); error != json->end()) order.error = problem_in(*error);
  return order;
}

Result<AuthorizationObject> read_authorization(std::string_view body, std::string_view what,
                                               std::string_view origin, std::string_view wanted) {
  const auto json = parse_object(body, what);
  if (!json) return fail(json.error());
  AuthorizationObject authorization;
  authorization.wanted = wanted;
  const auto status = status_in<AuthorizationStatus>(*json, kAuthorizationStatuses, what);
  if (!status) return fail(status.error());
  authorization.status = *status;
  const auto identifier = json->find("identifier");
  auto name = identifier_in(identifier == json->end() ? Json::object() : *identifier, what);
  if (!name) return fail(name.error());
  authorization.name = std::move(*name);
  const auto wildcard = json->find("wildcard");
  if (wildcard != json->end() && wildcard->is_boolean() && wildcard->get<bool>())
    authorization.name = "*." + authorization.name;
  const auto challenges = list_in(*json, "challenges", kMaxChallenges, what);
  if (!challenges) return fail(challenges.error());
  for (const Json& one : **challenges) {
    auto challenge = read_challenge(one, what, origin, wanted);
    if (!challenge) return fail(challenge.error());
    authorization.challenges.push_back(std::move(*challenge));
  }
  return authorization;
}

}  // namespace certlatch
