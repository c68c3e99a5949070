// SPDX-License-Identifier: MIT
// The main process as acme and the keeper see it: both run as processes of their own, confined, over the real
// messages.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "protocol/channel.h"
#include "tests/unit/acme/temp_directory.h"
#include "worker/acme/messages.h"
#include "worker/keeper/messages.h"

class WorkerDouble {
 public:
  /// Starts both roles and opens the accounts of `cas`. State is kept below `state`.
  WorkerDouble(const std::string& state, std::vector<certlatch::CaSettings> cas,
               certlatch::KeyType account_key = certlatch::KeyType::ecdsa_p256, std::uint32_t parallel = 8,
               std::vector<certlatch::CaSecrets> secrets = {});
  ~WorkerDouble();
  WorkerDouble(const WorkerDouble&) = delete;
  WorkerDouble& operator=(const WorkerDouble&) = delete;

  certlatch::KeeperAnswer ask_keeper(const certlatch::KeeperOrder& order);
  void tell_acme(const certlatch::AcmeOrder& order);
  /// The next answer that is no AccountKnown, Spoke or Progress; the first two are kept below.
  certlatch::AcmeAnswer hear_acme(std::chrono::seconds patience = std::chrono::seconds(60));
  /// The same, and it must be a T.
  template <class T>
  T hear(std::chrono::seconds patience = std::chrono::seconds(60)) {
    auto answer = hear_acme(patience);
    if (!std::holds_alternative<T>(answer)) show(answer);
    REQUIRE(std::holds_alternative<T>(answer));
    return std::get<T>(std::move(answer));
  }
  /// All phases of one order, with a key under the name `certificate`.
  certlatch::Issued issue(std::uint32_t id, const std::string& certificate,
                          const std::vector<std::string>& names,
                          certlatch::KeyType type = certlatch::KeyType::ecdsa_p256,
                          const std::string& order_url = "");
  /// Whether the leaf of `chain` has the key that the keeper holds for `certificate`.
  bool fits(const certlatch::Issued& issued, const std::string& certificate);
  /// The exit status of acme after its parent has left.
  int end_acme();
  /// The keeper leaves with its parent's channel.
  void end_keeper();

  std::vector<certlatch::AccountKnown> accounts;
  std::vector<std::string> spoken;

 private:
  static void show(const certlatch::AcmeAnswer& answer);

  std::string ca_;
  pid_t acme_pid_ = -1;
  pid_t keeper_pid_ = -1;
  std::optional<certlatch::Channel> acme_;
  std::optional<certlatch::Channel> keeper_;
};
