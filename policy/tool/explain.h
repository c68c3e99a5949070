// SPDX-License-Identifier: MIT
// The policy in plain English: a sentence for each permission, what is not possible, and what the kernel sees
// to.
#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"
#include "policy/tool/held.h"

namespace certlatch {

struct Permission {
  std::string kind;   // "open", "install", "service"
  std::string entry;  // "http"
  unsigned line = 0;  // of the section's heading
  std::string sentence;
};

struct Explanation {
  std::string policy;  // the file
  std::string digest;  // of its bytes, in hexadecimal digits
  std::string worker;
  std::string who;  // a sentence
  std::vector<Permission> permissions;
  std::vector<std::string> not_possible;
  Held held;
};

[[nodiscard]] Explanation explain(const Policy& policy);
/// For a terminal.
[[nodiscard]] std::string page_of(const Explanation& explanation);

}  // namespace certlatch
