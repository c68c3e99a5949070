// SPDX-License-Identifier: MIT
// The requests to the broker, as calls. A refusal is an Error of Kind::refused that holds the broker's
// sentence, the policy's line and the command's output; every other kind means that the connection is of no
// more use.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/channel.h"
#include "protocol/messages.h"
#include "protocol/result.h"
#include "worker/run/long_wait.h"
#include "worker/run/stop_signal.h"
#include "worker/show/report.h"
#include "worker/state/statistics.h"

namespace certlatch {

class BrokerClient {
 public:
  /// Greets the broker. `stop` and `report` are borrowed.
  [[nodiscard]] static Result<BrokerClient> greet(Channel channel, const StopSignal& stop, Report& report);

  /// Of these install entries and of all services, asked for in as many frames as they need. Entries that the
  /// policy does not have are left out.
  [[nodiscard]] Result<StatusAnswer> status(const std::vector<std::string>& installs);
  [[nodiscard]] Result<Opened> open(const std::string& entry);
  [[nodiscard]] Result<void> close(std::uint64_t lease);
  // These two may take long, and end early when the run is to stop: the broker finishes by itself.
  [[nodiscard]] Result<Installed> install(const std::string& entry, const std::string& chain, Secret key);
  [[nodiscard]] Result<Restarted> restart(const std::string& entry);
  /// Install without the checks of the services: restart() makes up for them (docs/protocol.md).
  [[nodiscard]] Result<Installed> stage(const std::string& entry, const std::string& chain, Secret key);

  /// Why the last refusal was one.
  [[nodiscard]] RefusalReason refusal() const { return refusal_; }
  /// From now on what the broker does is counted there; borrowed.
  void count_into(Statistics& statistics) { statistics_ = &statistics; }

  /// False after an error that was no refusal.
  [[nodiscard]] bool is_usable() const { return is_usable_; }

 private:
  BrokerClient(Channel channel, const StopSignal& stop, Report& report)
      : channel_(std::move(channel)), stop_(&stop), report_(&report) {}

  template <class Wanted>
  Result<Wanted> ask(std::string_view what, Request request, std::chrono::seconds time,
                     LongWait* wait = nullptr);
  /// With a `wait` it may take long, and ends early when the run is to stop.
  Result<Answer> receive(Deadline deadline, LongWait* wait);

  Channel channel_;
  const StopSignal* stop_;
  Report* report_;
  bool is_usable_ = true;
  RefusalReason refusal_ = RefusalReason::policy;
  Statistics* statistics_ = nullptr;
  std::map<std::uint64_t, std::chrono::steady_clock::time_point> open_since_;  // by lease
};

}  // namespace certlatch
