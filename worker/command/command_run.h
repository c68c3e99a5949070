// SPDX-License-Identifier: MIT
// Everything that a command which changes something needs, with the state directory locked.
#pragma once

#include <memory>
#include <optional>

#include "worker/command/command.h"
#include "worker/run/work.h"

namespace certlatch {

/// What is said: to people, or one JSON object a line.
enum class Form : std::uint8_t { text, events };

[[nodiscard]] std::unique_ptr<Report> report_for(const Setting& setting, const Config& config, Form form);

class CommandRun {
 public:
  /// Nothing when it cannot be; that is printed, and `code` says how to exit.
  static std::optional<CommandRun> start(const Setting& setting, Config config, int& code,
                                         Form form = Form::text);
  /// Valid as long as this.
  Run run();

 private:
  CommandRun(Config config, Store store, UniqueFd lock, StopSignal stop, const Setting& setting, Form form);
  Config config_;
  Store store_;
  UniqueFd lock_;
  StopSignal stop_;
  ProcessPeers peers_;
  std::unique_ptr<Report> report_;
};

}  // namespace certlatch
