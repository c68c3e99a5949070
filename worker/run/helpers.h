// SPDX-License-Identifier: MIT
// The processes that hold the keys and speak with CAs, each started when it is first needed, and what they
// are told of the configuration.
#pragma once

#include <optional>
#include <string>

#include "worker/acme/messages.h"
#include "worker/run/keeper_client.h"
#include "worker/run/work.h"

namespace certlatch {

/// The CA's directory for this kind of run: the staging one for a trial. Empty when none is known.
[[nodiscard]] std::string directory_of(const CaConfig& ca, Trial trial);
/// What the keeper must know to use the CA's account.
[[nodiscard]] UseAccount account_of(const CaConfig& ca, Trial trial);

class Helpers {
 public:
  explicit Helpers(Run& run) : run_(run) {}

  // Each does nothing when it was done before.
  [[nodiscard]] Result<void> start_keeper();
  [[nodiscard]] Result<void> start_acme();
  /// The first message to acme: every CA that the configuration's certificates name.
  [[nodiscard]] Result<void> tell_acme();

  /// For commands about an account: one that does not exist is not made.
  void never_make_accounts() { makes_accounts_ = false; }

  std::optional<KeeperClient> keeper;
  std::optional<HelperProcess> acme;

 private:
  [[nodiscard]] Result<void> join();
  [[nodiscard]] CaSettings settings_of(const CaConfig& ca);

  Run& run_;
  bool makes_accounts_ = true;
  bool is_told_ = false;
  std::optional<SocketPair> between_;  // keeper, acme
};

}  // namespace certlatch
