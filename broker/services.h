// SPDX-License-Identifier: MIT
// The services of the policy: checking and restarting them through the runner, and remembering on disk which
// pairs each was last reloaded with.
//
// The runner is the one process that stays root. It is given the policy's commands once, as its arguments,
// before the broker sheds root; it says an empty outcome once it has read them, and afterwards hears nothing
// but their indexes.
#pragma once

#include <functional>
#include <variant>
#include <vector>

#include "broker/helper_process.h"
#include "policy/policy.h"
#include "protocol/messages.h"

namespace certlatch {

enum class RunWhat : std::uint8_t { check, restart };

struct Run {
  std::uint32_t command = 0;  // of the policy's services in turn: each has its check, then its restart
  void serialize(auto& archive) { archive(command); }
};

struct RunOutcome {
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

class Services {
 public:
  /// `policy` is borrowed, and so is `state_directory`: it holds the file `services`. One that is missing or
  /// cannot be read whole counts as: no service has loaded anything yet.
  Services(const Policy& policy, int state_directory, Runner run);
  virtual ~Services() = default;

  /// Runs the service's check, if it has one. Refused with RefusalReason::check and the output when it fails.
  virtual std::variant<Restarted, Refused> check(const ServiceEntry& service, const Wait& wait) {
    return execute(service, RunWhat::check, wait);
  }
  /// The check, then the command. `live` is what is installed now for the entries that name this service, and
  /// is remembered as loaded when the command succeeds.
  virtual std::variant<Restarted, Refused> restart(const ServiceEntry& service, std::vector<LoadedPair> live,
                                                   const Wait& wait);
  [[nodiscard]] virtual std::vector<ServiceStatus> status() const { return status_; }

 private:
  std::variant<Restarted, Refused> execute(const ServiceEntry& service, RunWhat what, const Wait& wait);

  const Policy& policy_;
  int state_directory_;
  Runner run_;
  std::vector<ServiceStatus> status_;  // for each service of the policy
};

}  // namespace certlatch
