// SPDX-License-Identifier: MIT
// What the state says is installed, held against what the broker says.
#pragma once

#include <vector>

#include "worker/run/broker_client.h"
#include "worker/run/work.h"

namespace certlatch {

/// Forgets installs of the run's certificates that are gone, changed or replaced, says so, and plans anew:
/// they are installed again, or, when the key has been put away, issued again. That waits longer each time
/// when it happens often.
void reconcile(Run& run, const StatusAnswer& status, Force force);

/// What cannot be seen from here (a broker that has lost its memory) is asked for once a day.
inline constexpr Seconds kLookedOverFor = 24 * 3600;

/// Asks the broker about certificates for which nothing is known to be amiss; those that it sees otherwise
/// (their pair is gone, or a service has not loaded it) move from `others` to the run's work. False without
/// an answer; nothing is said then, since nothing needs one yet.
bool look_over(Run& run, std::vector<Work>& others);

/// Does a service that uses one of the configuration's installs lack what is live?
[[nodiscard]] bool any_stale_service(const Run& run, const StatusAnswer& status);

/// Remembers how the pairs look that the broker calls whole. `before` is an earlier status of the same run,
/// for their places: what happens between the look and the broker's answer shows in the next run.
void note_live_pairs(Run& run, BrokerClient& broker, const StatusAnswer& before);

}  // namespace certlatch
