// SPDX-License-Identifier: MIT
// The broker's side of the runner: the one process that stays root. It is given the policy's commands once,
// as its arguments, before the broker sheds root; it says an empty outcome once it has read them, and
// afterwards hears nothing but their indexes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "broker/helper_process.h"
#include "policy/policy.h"

namespace certlatch {

enum class RunWhat : std::uint8_t { check, restart };

struct Run {
  static constexpr std::uint8_t kTag = 1;
  std::uint32_t command = 0;  // of the policy's services in turn: each has its check, then its restart
  void serialize(auto& archive) { archive(command); }
};

struct RunOutcome {
  static constexpr std::uint8_t kTag = 2;
  std::string failure;  // empty, or "exited with status 1", "was killed by signal 9", ...
  std::string output;   // of both streams, the last kMaxOutputBytes of it; printable
  void serialize(auto& archive) { archive(failure, output); }
};

/// As root, before confinement: starts `program` (certlatch-runner) with the policy's commands.
[[nodiscard]] Result<HelperProcess> start_runner(const std::string& program, const Policy& policy);

/// `service` is the entry's index in the policy. Kind::closed when the runner has died: the broker must then
/// end, its socket starts a fresh one.
[[nodiscard]] Result<RunOutcome> run(HelperProcess& runner, const Policy& policy, std::size_t service,
                                     RunWhat what, const Wait& wait);

/// The same without the process, for whoever asks.
using Runner = std::function<Result<RunOutcome>(std::size_t service, RunWhat, const Wait&)>;

}  // namespace certlatch
