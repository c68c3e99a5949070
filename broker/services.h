// SPDX-License-Identifier: MIT
// The services of the policy: checking and restarting them through the runner, and remembering on disk which
// pairs each was last reloaded with.
#pragma once

#include <variant>
#include <vector>

#include "broker/runner/runner.h"
#include "policy/policy.h"
#include "protocol/messages.h"
#include "protocol/result.h"

namespace certlatch {

class Services {
 public:
  /// `policy` is borrowed, and so is `state_directory`: it holds the file `services`. One that is missing or
  /// cannot be read whole counts as: no service has loaded anything yet.
  Services(const Policy& policy, int state_directory, Runner run);
  virtual ~Services() = default;

  /// Runs the service's check, if it has one. Refused with RefusalReason::check and the output when it fails.
  virtual std::variant<Restarted, Refused> check(const ServiceEntry& service, const Wait& wait);
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
