// SPDX-License-Identifier: MIT
// What every part of a run shares: the certificates it works on, whom it talks to, and how it went.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/plan/plan.h"
#include "worker/role/peers.h"
#include "worker/run/stop_signal.h"
#include "worker/show/report.h"
#include "worker/state/config.h"
#include "worker/state/store.h"

namespace certlatch {

enum class Trouble : std::uint8_t {
  deployment,  // an install or a restart did not work
  broker,      // the broker refuses or is not there
  other,       // anything else: the CA, this host, our own files
};

/// How a run went, in the order in which one hides the next.
struct Outcome {
  bool failed = false;
  bool broker_failed = false;
  bool deployment_failed = false;
  bool changed = false;  // something was issued or deployed
  void note(Trouble trouble);
};

struct Work {
  const CertificateConfig* config = nullptr;
  CertificateState state;
  Plan plan;
  bool is_issued = false;  // by this run
};

enum class Trial : std::uint8_t { no, yes };  // at the CA's staging directory; nothing is stored or deployed

struct Run {
  const Config& config;
  Store& store;
  Peers& peers;
  Report& report;
  const StopSignal& stop;
  std::function<Seconds()> now;
  Trial trial = Trial::no;
  Force force = Force::no;
  std::vector<Work> work = {};
  Outcome outcome = {};
  Statistics statistics = {};  // of this run

  /// Of the work's certificates, each once.
  [[nodiscard]] std::vector<std::string> install_entries() const;

  /// Says what went wrong with one certificate, remembers it for `status`, and goes on.
  void fail(Work& work, Trouble trouble, std::string_view sentence);
  /// Writes the state down. A failure is said and counted; the run goes on, since losing the state of one
  /// certificate must not keep the others from being renewed.
  void save(Work& work);
};

}  // namespace certlatch
