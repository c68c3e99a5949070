// SPDX-License-Identifier: MIT
// When a CA suggests that a certificate be renewed (RFC 9773, section 4.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace certlatch {

struct SuggestedWindow {
  std::int64_t start = 0;  // seconds since 1970
  std::int64_t end = 0;
  std::string explanation;  // a URL to be read by people, printable; may be empty
};

[[nodiscard]] Result<SuggestedWindow> read_renewal_info(std::string_view body);

/// RFC 3339: "2026-11-21T08:00:00.5+01:00", as seconds since 1970; nothing when it is none.
[[nodiscard]] std::optional<std::int64_t> time_from(std::string_view text);

}  // namespace certlatch
