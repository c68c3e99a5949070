// SPDX-License-Identifier: MIT
// Orders and authorizations as a CA describes them (RFC 8555, sections 7.1.3 to 7.1.5), read whole or not at
// all: types, statuses, sizes and URLs are checked here and nowhere else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "worker/acme/problem.h"

namespace certlatch {

enum class OrderStatus : std::uint8_t { pending, ready, processing, valid, invalid };

struct OrderObject {
  OrderStatus status = OrderStatus::pending;
  std::vector<std::string> names;           // canonical
  std::vector<std::string> authorizations;  // URLs
  std::string finalize;                     // URL
  std::string certificate;                  // URL; with OrderStatus::valid
  Problem error;
};

enum class ChallengeStatus : std::uint8_t { pending, processing, valid, invalid };

struct ChallengeObject {
  std::string type;
  std::string url;    // checked for the wanted type only
  std::string token;  // likewise
  ChallengeStatus status = ChallengeStatus::pending;
  Problem error;
};

enum class AuthorizationStatus : std::uint8_t { pending, valid, invalid, deactivated, expired, revoked };

struct AuthorizationObject {
  AuthorizationStatus status = AuthorizationStatus::pending;
  std::string name;  // canonical; "*." before it for a wildcard
  std::vector<ChallengeObject> challenges;

  std::string wanted;  // the type of challenge that is answered

  /// The challenge that is answered. None when the CA does not offer it.
  [[nodiscard]] const ChallengeObject* chosen() const;
};

/// Challenges of other types than `wanted` may hold anything. `what` is asked for and `origin` is where every
/// URL must lead, for the sentences of Kind::invalid.
[[nodiscard]] Result<OrderObject> read_order(std::string_view body, std::string_view what,
                                             std::string_view origin);
[[nodiscard]] Result<AuthorizationObject> read_authorization(std::string_view body, std::string_view what,
                                                             std::string_view origin,
                                                             std::string_view wanted);

[[nodiscard]] std::string_view text_of(AuthorizationStatus status);

}  // namespace certlatch
