// SPDX-License-Identifier: MIT
#include "worker/run/hooks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "worker/run/hook_process.h"

namespace certlatch {
namespace {

constexpr std::chrono::seconds kTime{300};

Result<void> run_command(Run& run, std::string_view kind, Hook hook, const StopSignal& stop) {
  hook.hidden = run.store.path();
  const auto name = fmt::format("`{}`: {}", kind, fmt::join(hook.command, " "));
  run.report.step(kind, hook.command.front());
  const auto output = run_hook(hook, kTime, stop);
  run.report.step(kind, "");
  if (!output) return fail(output.error().in(fmt::format("`{}`", kind)));
  run.report.detail(name);
  std::string_view left = *output;
  while (!left.empty()) {
    const auto end = std::min(left.find('\n'), left.size());
    run.report.detail(fmt::format("  {}", left.substr(0, end)));
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return {};
}

bool was_attempted(const Run& run, const Work& work) {
  return work.is_issued || work.plan.issues_at(run.now());
}

std::string names_text(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, " "));
}

}  // namespace

void run_before_hooks(Run& run) {
  std::map<HookCommand, std::string> done;  // what went wrong, or nothing
  std::erase_if(run.work, [&](Work& work) {
    const HookCommand& command = work.config->before;
    if (command.empty() || !work.plan.issues_at(run.now()) || run.stop.is_requested()) return false;
    auto known = done.find(command);
    if (known == done.end()) {
      const auto ran = run_command(
          run, "before", {.command = command, .environment = {}, .hidden = {}, .visible = {}}, run.stop);
      known = done.emplace(command, ran ? "" : ran.error().message).first;
    }
    if (known->second.empty()) return false;
    run.fail(work, Trouble::other, known->second);
    return true;
  });
}

void run_after_hooks(Run& run) {
  struct Domains {
    std::vector<std::string> renewed, failed;
  };
  std::map<HookCommand, Domains> all;
  for (const Work& work : run.work) {
    if (work.config->after.empty() || !was_attempted(run, work)) continue;
    auto& domains = all[work.config->after];
    auto& list = work.is_issued ? domains.renewed : domains.failed;
    list.insert(list.end(), work.config->names.begin(), work.config->names.end());
  }
  for (const auto& [command, domains] : all) {
    const auto ran = run_command(run, "after",
                                 {.command = command,
                                  .environment = {"RENEWED_DOMAINS=" + names_text(domains.renewed),
                                                  "FAILED_DOMAINS=" + names_text(domains.failed)},
                                  .hidden = {},
                                  .visible = {}},
                                 // Even a run that is to stop starts again what it has stopped.
                                 StopSignal());
    if (ran) continue;
    run.report.problem(ran.error().message);
    run.outcome.note(Trouble::other);
  }
}

void run_deployed_hooks(Run& run) {
  for (Work& work : run.work) {
    auto& issued = work.state.issued;
    const bool is_pending = issued && issued->hook_pending && !work.config->deployed.empty() &&
                            !issued->services_pending && missing_installs(*work.config, *issued).empty();
    if (!is_pending || run.stop.is_requested()) continue;
    // Without an install entry the pair stays in the state directory, and this command is its only use.
    const bool is_here = issued->live.empty();
    const auto lineage = is_here ? run.store.certificates_directory() + "/" + work.config->name
                                 : issued->live.front().directory + "/live";
    const auto ran = run_command(
        run, "deployed",
        {.command = work.config->deployed,
         .environment = {"RENEWED_DOMAINS=" + names_text(work.config->names), "RENEWED_LINEAGE=" + lineage,
                         "CERTLATCH_CERTIFICATE=" + work.config->name},
         .hidden = {},
         .visible = is_here ? lineage : ""},
        run.stop);
    issued->hook_pending = !ran;
    if (ran) {
      run.report.say(fmt::format("{}: {} has run", work.config->name, work.config->deployed.front()));
      run.save(work);
      continue;
    }
    work.state.deployment = {work.state.deployment.count + 1, run.now()};
    run.fail(work, Trouble::deployment, ran.error().message);
  }
}

}  // namespace certlatch
