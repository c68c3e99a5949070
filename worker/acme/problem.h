// SPDX-License-Identifier: MIT
// A CA's problem documents (RFC 7807; RFC 8555, section 6.7), made fit to be shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/acme/http_message.h"
#include "worker/acme/json.h"
#include "worker/acme/messages.h"

namespace certlatch {

inline constexpr std::size_t kMaxProblemTextBytes = 1024;
inline constexpr std::size_t kMaxSubProblems = 20;

struct Problem {
  std::string type;
  std::string detail;
  std::vector<SubProblem> subproblems;
  std::string instance;                 // userActionRequired: where a person is to go
  std::vector<std::string> algorithms;  // badSignatureAlgorithm: those that the CA takes

  /// "badNonce" for "urn:ietf:params:acme:error:badNonce".
  [[nodiscard]] bool is(std::string_view acme_error) const;
};

/// Printable and bounded, with whatever is there and of the right type; an empty problem when `json` is none.
[[nodiscard]] Problem problem_in(const Json& json);
/// Of a response's body.
[[nodiscard]] Problem problem_of(const HttpResponse& response);

/// A response that is not the one wanted, told in full. Without the order's id, as everywhere in this room.
[[nodiscard]] OrderFailed failure_of(std::string_view what, const HttpResponse& response);
/// With a problem that was read from elsewhere than a response's top, such as a challenge.
[[nodiscard]] OrderFailed failure_with(std::string sentence, Problem problem);
/// Without a word from the CA. The same order may be tried again.
[[nodiscard]] OrderFailed failure_that_may_pass(std::string sentence);

}  // namespace certlatch
