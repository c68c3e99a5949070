// SPDX-License-Identifier: MIT
// What the kernel holds the broker to, derived from the policy as the broker itself derives it.
#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"

namespace certlatch {

struct Held {
  std::string user;
  std::vector<std::string> capabilities;
  std::vector<std::string>
      paths;  // below which it may read and change files; nothing else in the file system
  std::vector<std::string> system_calls;   // any other kills it
  std::vector<std::string> checked_calls;  // of which only some are let through, with which
  std::vector<std::string> programs;       // that the runner, which stays root, executes
};

[[nodiscard]] Held held_by_kernel(const Policy& policy);
/// In sentences.
[[nodiscard]] std::vector<std::string> text_of(const Held& held);

}  // namespace certlatch
