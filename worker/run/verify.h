// SPDX-License-Identifier: MIT
// Is what was installed also what is served? Asked of each place that `verify` names, from a process without
// key and state. However many places there are, and however many of them do not answer, it takes no longer
// than a minute.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "worker/run/work.h"

namespace certlatch {

struct ServedPlace {
  std::string place;    // as the configuration has it
  std::string trouble;  // empty when the certificate is served there
};

/// What should be served, and what was found.
struct Served {
  const CertificateConfig* config = nullptr;
  std::string chain;
  std::vector<ServedPlace> places = {};  // none where there was no time left for one of them
};

/// Looks at every place of all of them, many at once. For so long from now on, which a reload may take, what
/// is not as it should be is looked at again.
void look_at_served(Peers& peers, const StopSignal& stop, Report& report, std::chrono::milliseconds patience,
                    std::vector<Served>& all);

/// After a deployment: every certificate of the run for which that is pending and nothing else is.
void verify_deployed(Run& run);

}  // namespace certlatch
