// SPDX-License-Identifier: MIT
// `certlatch renew`: one run, from the state on disk to the state the configuration asks for.
#pragma once

#include <string>
#include <vector>

#include "worker/run/work.h"

namespace certlatch {

struct RenewOptions {
  Force force = Force::no;
  std::vector<std::string> names;  // of [certificate NAME] sections; empty: all of them
  // Its path, when the next run may be spared the work of finding nothing to do.
  std::string configuration = {};
  bool looks_over = false;  // ask the broker once a day about certificates with nothing to do as well
};

/// Fills run.work and run.outcome. When nothing is due and nothing is left to deploy, nobody is talked to and
/// nothing is said. The state directory is locked by the caller.
void renew(Run& run, const RenewOptions& options);

}  // namespace certlatch
