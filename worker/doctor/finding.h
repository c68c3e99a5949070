// SPDX-License-Identifier: MIT
// What `certlatch doctor` finds, and what to do about it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace certlatch {

enum class Verdict : std::uint8_t { good, doubtful, bad };

struct Finding {
  Verdict verdict = Verdict::good;
  std::string about;   // "broker", "opening http", "example.org"
  std::string what;    // a sentence
  std::string remedy;  // what to do; empty when there is nothing to do
};
using Findings = std::vector<Finding>;

}  // namespace certlatch
