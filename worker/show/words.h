// SPDX-License-Identifier: MIT
// Dates, spans of time and the CA's problems in words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/acme/messages.h"
#include "worker/state/schedule.h"

namespace certlatch {

/// "2027-02-19", in UTC.
[[nodiscard]] std::string date_text(Seconds time);
/// "2027-02-19 08:15 UTC".
[[nodiscard]] std::string time_text(Seconds time);
/// "89 days", "5 hours", "1 minute": rounded down to its greatest unit.
[[nodiscard]] std::string span_text(Seconds span);

/// What happened, with the CA's type, detail and subproblems on indented lines below it.
[[nodiscard]] std::string problem_text(const OrderFailed& failure);

}  // namespace certlatch
