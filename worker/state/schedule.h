// SPDX-License-Identifier: MIT
// When a certificate is due, and when a failure may be tried again. Times are seconds since 1970.
#pragma once

#include <cstdint>

namespace certlatch {

using Seconds = std::int64_t;

/// With a third of the lifetime left; half of it when the lifetime is below ten days.
[[nodiscard]] Seconds renewal_time(Seconds not_before, Seconds not_after);

/// The same when the administrator wants `left` seconds to be left; a `left` that the lifetime does not
/// exceed, and 0, change nothing.
[[nodiscard]] Seconds renewal_time_with(Seconds not_before, Seconds not_after, Seconds left);

/// The same when the CA suggests `suggested`: that moment, but no later than with a tenth of the lifetime
/// left.
[[nodiscard]] Seconds renewal_time(Seconds not_before, Seconds not_after, Seconds suggested);

/// When a CA that answered, or did not, may be asked for renewal information again: `retry_after` seconds
/// from now, but at least a minute and at most a day; in six hours when it does not say.
[[nodiscard]] Seconds next_question(Seconds now, Seconds retry_after);

/// When the next attempt may be made after `failures` failures in a row, the last of them at `last`: 1, 10
/// and 100 minutes later, then a day later each time. A `last` that lies ahead of `now` (the clock was set
/// back) counts as now, so that no certificate waits for a date that was never meant.
[[nodiscard]] Seconds next_attempt(std::uint32_t failures, Seconds last, Seconds now);

/// The same for what only this host has a part in: the first two are made by the next run, and an hour is the
/// longest pause.
[[nodiscard]] Seconds next_deployment(std::uint32_t failures, Seconds last, Seconds now);

}  // namespace certlatch
