// SPDX-License-Identifier: MIT
// A command of the configuration, executed as the worker's user: without a shell, a terminal, the worker's
// descriptors or its state directory, in a process group of its own.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "protocol/result.h"
#include "worker/run/long_wait.h"
#include "worker/run/stop_signal.h"
#include "worker/state/actions.h"

namespace certlatch {

struct Hook {
  HookCommand command;
  std::vector<std::string> environment;  // NAME=VALUE, besides PATH, HOME and LANG
  std::string hidden;                    // directory that it must not see
  std::string visible;                   // below `hidden`: may be read all the same; or empty
};

/// Its output, both streams, the last 8 KiB. An error says how it ended, with the output on indented lines
/// below. What it leaves running is killed with it when time is up or the run is to stop.
[[nodiscard]] Result<std::string> run_hook(const Hook& hook, std::chrono::seconds time,
                                           const StopSignal& stop, LongWait& wait);

}  // namespace certlatch
