// SPDX-License-Identifier: MIT
// `certlatch status`: the overview for people and for programs.
#pragma once

#include <string>

#include "worker/show/overview.h"
#include "worker/show/screen.h"

namespace certlatch {

/// A table, as wide as the screen.
[[nodiscard]] std::string status_text(const Overview& overview, const Screen& screen);
/// An array with an object for each certificate; docs/certlatch.1 names the fields.
[[nodiscard]] std::string status_json(const Overview& overview);
/// The text format of Prometheus; docs/certlatch.1 names the metrics.
[[nodiscard]] std::string metrics_text(const Overview& overview, const Statistics& statistics);

/// "[####......|.....]": how much of the lifetime has passed, and at which point the certificate is renewed.
[[nodiscard]] std::string lifetime_bar(Seconds begin, Seconds end, Seconds renewal, Seconds now,
                                       std::size_t width);

}  // namespace certlatch
