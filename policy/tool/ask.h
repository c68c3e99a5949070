// SPDX-License-Identifier: MIT
// A question about the policy: would the broker do this?
#pragma once

#include <string>
#include <string_view>

#include "policy/policy.h"
#include "protocol/result.h"

namespace certlatch {

struct Verdict {
  bool is_allowed = false;
  unsigned line = 0;  // of the section that allows it, or of the key that does not; 0: no line covers it
  std::string sentence;
};

/// "open http", "install example.org", "install example.org www.example.org" (with the names of the
/// certificate) or "restart nginx". An error when it is no such question. Budgets and the host's state are
/// not looked at.
[[nodiscard]] Result<Verdict> ask(const Policy& policy, std::string_view question);

}  // namespace certlatch
