// SPDX-License-Identifier: MIT
#include "broker/services.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "protocol/small_file.h"

namespace certlatch {
namespace {

constexpr const char* kFile = "services";
constexpr std::size_t kMaxFileBytes = 4 * 1024 * 1024;

/// Beyond the command's own time: SIGTERM and SIGKILL have two seconds each.
constexpr std::chrono::seconds kRunnerMargin{10};

using Words = std::vector<std::string>;

// Under systemd a check runs as a transient unit, outside the broker unit's sandbox, and systemd ends it when
// its time is up: killing systemd-run would leave it running.
Words check_of(const ServiceEntry& service, bool under_systemd) {
  if (!under_systemd || service.check.empty()) return service.check;
  Words words{"/usr/bin/systemd-run", "--quiet", "--wait", "--pipe", "--collect"};
  words.insert(words.end(), {fmt::format("--property=RuntimeMaxSec={}", service.timeout), "--"});
  words.insert(words.end(), service.check.begin(), service.check.end());
  return words;
}

Words restart_of(const ServiceEntry& service, bool under_systemd) {
  if (service.action == ServiceAction::command) return service.command;
  const char* verb = service.action == ServiceAction::reload_unit ? "reload" : "restart";
  if (under_systemd) return {"/usr/bin/systemctl", verb, service.unit};
  return {"/usr/sbin/service", service.unit.substr(0, service.unit.rfind(".service")), verb};
}

std::string text_of(const ServiceEntry& service, RunWhat what) {
  if (what == RunWhat::check) return fmt::format("check `{}`", fmt::join(service.check, " "));
  if (service.action == ServiceAction::command)
    return fmt::format("command `{}`", fmt::join(service.command, " "));
  return (service.action == ServiceAction::reload_unit ? "reload of " : "restart of ") + service.unit;
}

}  // namespace

Result<HelperProcess> start_runner(const std::string& program, const Policy& policy) {
  const bool under_systemd = ::access("/run/systemd/system", F_OK) == 0;
  Words table;
  for (const auto& service : policy.services)
    for (const auto& words : {check_of(service, under_systemd), restart_of(service, under_systemd)}) {
      table.insert(table.end(), {std::to_string(service.timeout), std::to_string(words.size())});
      table.insert(table.end(), words.begin(), words.end());
    }
  auto runner = TRY(HelperProcess::start(program, table));
  TRY(runner.hear<RunOutcome>(in(kHelperStart), wait_alone));
  return runner;
}

Result<RunOutcome> run(HelperProcess& runner, const Policy& policy, std::size_t service, RunWhat what,
                       const Wait& wait) {
  const auto deadline = in(std::chrono::seconds(policy.services.at(service).timeout) + kRunnerMargin);
  const auto command = static_cast<std::uint32_t>(2 * service + (what == RunWhat::restart ? 1 : 0));
  auto outcome = TRY(runner.ask<RunOutcome>(Run{command}, deadline, wait));
  outcome.output = printable(std::move(outcome.output));
  return outcome;
}

Services::Services(const Policy& policy, int state_directory, Runner run)
    : policy_(policy), state_directory_(state_directory), run_(std::move(run)) {
  using Known = std::vector<ServiceStatus>;
  const auto all_known = read_record<Known>(state_directory, kFile, kMaxFileBytes).value_or(Known{});
  for (const auto& service : policy.services) {
    const auto known = std::ranges::find(all_known, service.name, &ServiceStatus::entry);
    status_.push_back(known == all_known.end() ? ServiceStatus{service.name, {}} : *known);
    // What the policy no longer names is forgotten.
    std::erase_if(status_.back().loaded,
                  [&](const LoadedPair& pair) { return policy.install(pair.install) == nullptr; });
  }
}

std::variant<Restarted, Refused> Services::execute(const ServiceEntry& service, RunWhat what,
                                                   const Wait& wait) {
  const bool is_check = what == RunWhat::check;
  if (is_check && service.check.empty()) return Restarted{};
  const auto index = static_cast<std::size_t>(&service - policy_.services.data());
  auto outcome = run_(index, what, wait);
  if (outcome && outcome->failure.empty()) return Restarted{std::move(outcome->output)};
  const auto name = fmt::format("service {}: its {}", service.name, text_of(service, what));
  const unsigned line = is_check ? service.check_line : service.line;
  if (!outcome) return Refused{RefusalReason::host, line, name + ": " + outcome.error().message, {}};
  return Refused{is_check ? RefusalReason::check : RefusalReason::command, line,
                 name + " " + outcome->failure, std::move(outcome->output)};
}

std::variant<Restarted, Refused> Services::restart(const ServiceEntry& service, std::vector<LoadedPair> live,
                                                   const Wait& wait) {
  auto checked = check(service, wait);
  if (std::holds_alternative<Refused>(checked)) return checked;
  auto answer = execute(service, RunWhat::restart, wait);
  auto* restarted = std::get_if<Restarted>(&answer);
  if (restarted == nullptr) return answer;
  auto& output = restarted->output.insert(0, std::get<Restarted>(checked).output);
  std::ranges::find(status_, service.name, &ServiceStatus::entry)->loaded = std::move(live);
  const auto saved = replace_record(state_directory_, kFile, status_, kMaxFileBytes);
  // The service does run with the new pair: what fails here only means one restart too many later.
  if (!saved)
    output += fmt::format("certlatchd could not remember this restart: {}\n", saved.error().message);
  if (output.size() > kMaxOutputBytes) output.erase(0, output.size() - kMaxOutputBytes);
  return answer;
}

}  // namespace certlatch
