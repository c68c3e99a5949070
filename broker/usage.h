// SPDX-License-Identifier: MIT
// How often each entry of the policy was used within the last 24 hours, for its `per day`. Kept on disk in
// STATE/usage, so that a restart of the broker gives nobody a fresh budget; and not forgotten when a day has
// passed, as the clock has it, so that one which jumps ahead and is set back gives nobody one either.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace certlatch {

struct Usage {
  /// Seconds since 1970, as the host's clock tells them.
  static std::int64_t now() { return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()); }
  struct Entry {
    std::string heading;             // the section's as written, "open http"
    std::vector<std::int64_t> uses;  // ascending; the latest, as many as are allowed a day
    void serialize(auto& archive) { archive(heading, uses); }
  };

  int state_directory;  // borrowed
  std::function<std::int64_t()> clock = now;
  std::vector<Entry> entries = {};

  /// Reads STATE/usage. A file that is missing or damaged counts as empty; the error then says so.
  Result<void> load();
  // `per_day` is the budget of the heading's entry, 1 or more.
  [[nodiscard]] std::uint32_t left(std::string_view heading, std::uint32_t per_day);
  /// Seconds until one use will be left again; 0 when there is one now.
  [[nodiscard]] std::int64_t wait_for_one(std::string_view heading, std::uint32_t per_day);
  /// Takes one use, and returns when that is on disk; on an error nothing was taken.
  Result<void> take(std::string_view heading, std::uint32_t per_day);
};

}  // namespace certlatch
