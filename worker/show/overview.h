// SPDX-License-Identifier: MIT
// All that `certlatch status`, its JSON and the metrics show, gathered from the configuration, the state
// directory and, where it can be asked, the broker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/messages.h"
#include "protocol/result.h"
#include "worker/plan/plan.h"
#include "worker/state/certificate_state.h"
#include "worker/state/config.h"
#include "worker/state/statistics.h"

namespace certlatch {

struct CertificateStatus {
  const CertificateConfig* config = nullptr;
  Result<CertificateState> state;  // an error when its file cannot be read
};

enum class InstallCondition : std::uint8_t {
  installed,  // as far as the state knows, when the broker was not asked
  missing,    // the certificate is not there yet
  altered,    // something else has changed, replaced or removed it
  unknown,    // the policy has no such entry
};
struct InstallView {
  std::string entry;
  InstallCondition condition = InstallCondition::missing;
  std::uint32_t version = 0;  // 0 when the broker was not asked
};

enum class ServiceCondition : std::uint8_t { loaded, stale };
struct ServiceView {
  std::string service;
  ServiceCondition condition = ServiceCondition::loaded;
};

struct CertificateView {
  const CertificateConfig* config = nullptr;
  std::string trouble;  // why the state cannot be read; then nothing of what follows is known
  CertificateState state;
  Plan plan;
  Seconds renewal = 0;  // 0 when there is no certificate
  std::vector<InstallView> installs;
  std::vector<ServiceView> services;   // only when the broker was asked
  std::string next;                    // what happens next, in words
  std::optional<Seconds> next_at;      // nothing: with the next run
  std::vector<std::string> attention;  // what a person should look at; empty: all is well
};

struct Overview {
  Seconds now = 0;
  std::vector<CertificateView> certificates;
  std::vector<std::string> removed;  // kept in the state directory, but no longer in the configuration
  bool asked_broker = false;
  std::string broker_trouble;  // why it could not be asked; empty when it was, or was not to be
  std::vector<BudgetStatus> budgets;

  [[nodiscard]] bool needs_attention() const;
};

/// `broker` is its status, or why there is none, or nothing when it was not to be asked.
[[nodiscard]] Overview overview_of(std::vector<CertificateStatus> certificates,
                                   const std::optional<Result<StatusAnswer>>& broker, Seconds now);

/// A machine's name of each, as the JSON and the metrics have them.
[[nodiscard]] std::string_view text_of(InstallCondition condition);
[[nodiscard]] std::string_view text_of(ServiceCondition condition);

}  // namespace certlatch
