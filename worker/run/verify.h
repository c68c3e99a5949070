// SPDX-License-Identifier: MIT
// Is what was installed also what is served? Asked of each place that `verify` names, from a process without
// key and state.
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

class Verifier {
 public:
  explicit Verifier(Peers& peers) : peers_(peers) {}
  /// One for each of the certificate's places; each is tried again for so long.
  [[nodiscard]] std::vector<ServedPlace> look(const CertificateConfig& config, const std::string& chain,
                                              std::chrono::milliseconds patience);

 private:
  Peers& peers_;
  std::optional<HelperProcess> process_;
};

/// After a deployment: every certificate of the run for which that is pending and nothing else is.
void verify_deployed(Run& run);

}  // namespace certlatch
