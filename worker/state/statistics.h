// SPDX-License-Identifier: MIT
// What has been asked of the broker since the state directory was made, for the metrics.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace certlatch {

struct Statistics {
  std::uint64_t openings = 0;
  std::uint64_t open_milliseconds = 0;  // at most: until the broker said that it was shut
  std::uint64_t installs = 0;
  std::uint64_t restarts = 0;
  bool operator==(const Statistics&) const = default;
};

/// "openings N" and so on, a line each.
[[nodiscard]] std::string statistics_text(const Statistics& statistics);
[[nodiscard]] std::optional<Statistics> statistics_from(std::string_view text);

}  // namespace certlatch
