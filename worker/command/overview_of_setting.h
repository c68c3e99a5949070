// SPDX-License-Identifier: MIT
// The overview (worker/show/overview.h) of what a command line names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "worker/command/command.h"
#include "worker/show/overview.h"
#include "worker/state/store.h"

namespace certlatch {

/// Its status, in a connection of its own.
[[nodiscard]] Result<StatusAnswer> ask_broker(const Setting& setting,
                                              const std::vector<std::string>& installs);

/// Of the certificates that `names` has, or of all.
[[nodiscard]] Overview overview_of(const Config& config, const Store& store,
                                   const std::optional<Result<StatusAnswer>>& broker,
                                   const std::vector<std::string>& names);

/// Writes the file that `metrics` names, where the configuration has it; world-readable, since its reader is
/// another user. Says what went wrong.
void write_metrics(const Config& config, const Store& store);

}  // namespace certlatch
