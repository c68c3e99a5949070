// SPDX-License-Identifier: MIT
#include "broker/runner/runner.h"

#include <fmt/format.h>
#include <unistd.h>

namespace certlatch {
namespace {

/// Beyond the command's own time: SIGTERM and SIGKILL have two seconds each.
constexpr std::chrono::seconds kRunnerMargin{10};

using Words = std::vector<std::string>;

// Under systemd a check runs as a transient unit, outside the broker unit's sandbox, and systemd ends it when
// its time is up: killing systemd-run would leave it running.
Words check_of(const ServiceEntry& service, bool under_systemd) {
  if (!under_systemd || service.check.empty()) return service.check;
  Words words{"/usr/bin/systemd-run", "--quiet", "--wait", "--pipe", "--collect"};
  words.push_back(fmt::format("--property=RuntimeMaxSec={}", service.timeout));
  words.emplace_back("--");
  words.insert(words.end(), service.check.begin(), service.check.end());
  return words;
}

Words restart_of(const ServiceEntry& service, bool under_systemd) {
  if (service.action == ServiceAction::command) return service.command;
  const char* verb = service.action == ServiceAction::reload_unit ? "reload" : "restart";
  if (under_systemd) return {"/usr/bin/systemctl", verb, service.unit};
  return {"/usr/sbin/service", service.unit.substr(0, service.unit.rfind(".service")), verb};
}

}  // namespace

Result<HelperProcess> start_runner(const std::string& program, const Policy& policy) {
  const bool under_systemd = ::access("/run/systemd/system", F_OK) == 0;
  Words table;
  for (const auto& service : policy.services)
    for (const auto& words : {check_of(service, under_systemd), restart_of(service, under_systemd)}) {
      table.push_back(std::to_string(service.timeout));
      table.push_back(std::to_string(words.size()));
      table.insert(table.end(), words.begin(), words.end());
    }
  auto runner = HelperProcess::start(program, HelperPrivilege::root, table);
  if (!runner) return runner;
  if (auto ready = runner->hear<RunOutcome>(in(kHelperStart), wait_alone); !ready) return fail(ready.error());
  return runner;
}

Result<RunOutcome> run(HelperProcess& runner, const Policy& policy, std::size_t service, RunWhat what,
                       const Wait& wait) {
  const auto deadline = in(std::chrono::seconds(policy.services.at(service).timeout) + kRunnerMargin);
  const auto command = 2 * service + (what == RunWhat::restart ? 1 : 0);
  auto outcome = runner.ask<RunOutcome>(Run{static_cast<std::uint32_t>(command)}, deadline, wait);
  if (outcome) outcome->output = printable(std::move(outcome->output));
  return outcome;
}

}  // namespace certlatch
