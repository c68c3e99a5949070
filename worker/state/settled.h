// SPDX-License-Identifier: MIT
// That nothing is to be done, remembered: what the last run looked at, and until when that answer holds. As
// long as nothing of it has changed, a run need not even read the configuration, however many certificates
// there are.
//
// The file `settled` of the state directory: the line `certlatch-settled 1 VERSION`, then lines of a key, a
// blank and a value: `since`, `until` (seconds since 1970), `metrics` (a path; its time is all that changes),
// `configuration` (a path), `seen` (BLAKE2b-256 over all that was looked at), `state` and `pair` (once for
// each certificate's name, and for each install entry's directory).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.h"
#include "protocol/result.h"
#include "worker/state/schedule.h"

namespace certlatch {

struct Settled {
  Seconds since = 0;
  Seconds until = 0;
  std::string metrics;              // or empty
  std::string configuration;        // path
  Digest seen{};                    // look() of what follows
  std::vector<std::string> states;  // names of certificates
  std::vector<std::string> pairs;   // directories
};

[[nodiscard]] std::string settled_text(const Settled& settled);
/// Nothing when it is not wholly understood, or another version of this program has written it.
[[nodiscard]] std::optional<Settled> settled_from(std::string_view text);

/// Over the configuration's, each state's and each pair's places, sizes and times. `state_directory` is the
/// path of certificates/.
[[nodiscard]] Digest look_at_all(const Settled& settled, const std::string& state_directory);

}  // namespace certlatch
