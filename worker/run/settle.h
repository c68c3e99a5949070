// SPDX-License-Identifier: MIT
// When a run leaves nothing to do, it writes down what that stands on, so that the next need not find out
// again (worker/state/settled.h).
#pragma once

#include <string>

#include "worker/run/work.h"

namespace certlatch {

/// Nothing that the last run looked at has changed, and nothing has come due. The metrics' file is given the
/// time of this run.
[[nodiscard]] bool is_settled(const Store& store, const std::string& configuration, Seconds now);

/// After a run over all certificates; `others` are those of them that are not in run.work.
void settle(Run& run, const std::vector<Work>& others, const std::string& configuration);

}  // namespace certlatch
