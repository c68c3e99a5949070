// SPDX-License-Identifier: MIT
// How often each entry of the policy was used within the last 24 hours, for its `per day`. Kept on disk in
// STATE/usage, so that a restart of the broker gives nobody a fresh budget; and not forgotten when a day has
// passed, as the clock has it, so that one which jumps ahead and is set back gives nobody one either.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace certlatch {

/// Seconds since 1970, as the host's clock tells them.
using Clock = std::function<std::int64_t()>;
[[nodiscard]] std::int64_t seconds_now();

class Usage {
 public:
  /// `state_directory` is borrowed. Nothing is read yet.
  explicit Usage(int state_directory, Clock clock = seconds_now)
      : directory_(state_directory), clock_(std::move(clock)) {}

  /// Reads STATE/usage. A file that is missing or damaged counts as empty; the sentence returned then says
  /// so.
  std::optional<std::string> load();

  // `heading` is the entry's section as written, "open http"; `per_day` its budget, 1 or more.

  [[nodiscard]] std::uint32_t left(std::string_view heading, std::uint32_t per_day);
  /// Seconds until one use will be left again; 0 when there is one now.
  [[nodiscard]] std::int64_t wait_for_one(std::string_view heading, std::uint32_t per_day);
  /// Takes one use, and returns when that is on disk; on an error nothing was taken.
  Result<void> take(std::string_view heading, std::uint32_t per_day);

 private:
  struct Entry {
    std::string heading;
    std::vector<std::int64_t> uses;  // ascending; the latest, as many as are allowed a day
    void serialize(auto& archive) { archive(heading, uses); }
  };
  struct Record {
    static constexpr std::uint8_t kTag = 1;
    std::vector<Entry> entries;
    void serialize(auto& archive) { archive(entries); }
  };

  /// The entry's, none of them in the future.
  std::vector<std::int64_t>& uses(std::string_view heading);
  Result<void> store();

  int directory_;
  Clock clock_;
  Record record_;
};

}  // namespace certlatch
