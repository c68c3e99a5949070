// SPDX-License-Identifier: MIT
#include "broker/services.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "protocol/small_file.h"

namespace certlatch {
namespace {

constexpr const char* kFile = "services";
constexpr std::size_t kMaxFileBytes = 4 * 1024 * 1024;

struct Record {
  static constexpr std::uint8_t kTag = 1;
  std::vector<ServiceStatus> services;
  void serialize(auto& archive) { archive(services); }
};

std::string text_of(const ServiceEntry& service, RunWhat what) {
  if (what == RunWhat::check) return fmt::format("check `{}`", fmt::join(service.check, " "));
  if (service.action == ServiceAction::command)
    return fmt::format("command `{}`", fmt::join(service.command, " "));
  return (service.action == ServiceAction::reload_unit ? "reload of " : "restart of ") + service.unit;
}

}  // namespace

Services::Services(const Policy& policy, int state_directory, Runner run)
    : policy_(policy), state_directory_(state_directory), run_(std::move(run)) {
  const auto record = read_record<Record>(state_directory, kFile, kMaxFileBytes).value_or(Record{});
  for (const auto& service : policy.services) {
    const auto known = std::ranges::find(record.services, service.name, &ServiceStatus::entry);
    status_.push_back(known == record.services.end() ? ServiceStatus{service.name, {}} : *known);
    // What the policy no longer names is forgotten.
    std::erase_if(status_.back().loaded,
                  [&](const LoadedPair& pair) { return policy.install(pair.install) == nullptr; });
  }
}

std::variant<Restarted, Refused> Services::execute(const ServiceEntry& service, RunWhat what,
                                                   const Wait& wait) {
  const auto index = static_cast<std::size_t>(&service - policy_.services.data());
  auto outcome = run_(index, what, wait);
  if (outcome && outcome->failure.empty()) return Restarted{std::move(outcome->output)};
  const bool is_check = what == RunWhat::check;
  const unsigned line = is_check ? service.check_line : service.line;
  const auto name = fmt::format("service {}: its {}", service.name, text_of(service, what));
  if (!outcome) return Refused{RefusalReason::host, line, name + ": " + outcome.error().message, {}};
  return Refused{is_check ? RefusalReason::check : RefusalReason::command, line,
                 name + " " + outcome->failure, std::move(outcome->output)};
}

std::variant<Restarted, Refused> Services::check(const ServiceEntry& service, const Wait& wait) {
  if (service.check.empty()) return Restarted{};
  return execute(service, RunWhat::check, wait);
}

std::variant<Restarted, Refused> Services::restart(const ServiceEntry& service, std::vector<LoadedPair> live,
                                                   const Wait& wait) {
  auto checked = check(service, wait);
  if (std::holds_alternative<Refused>(checked)) return checked;
  auto answer = execute(service, RunWhat::restart, wait);
  auto* restarted = std::get_if<Restarted>(&answer);
  if (restarted == nullptr) return answer;
  restarted->output.insert(0, std::get<Restarted>(checked).output);
  std::ranges::find(status_, service.name, &ServiceStatus::entry)->loaded = std::move(live);
  const auto record = encode_record(Record{status_}, kMaxFileBytes);
  const auto saved = record ? replace_small_file(state_directory_, kFile, *record) : fail(record.error());
  // The service does run with the new pair: what fails here only means one restart too many later.
  if (!saved)
    restarted->output +=
        fmt::format("certlatchd could not remember this restart: {}\n", saved.error().message);
  if (const auto size = restarted->output.size(); size > kMaxOutputBytes)
    restarted->output.erase(0, size - kMaxOutputBytes);
  return answer;
}

}  // namespace certlatch
