// SPDX-License-Identifier: MIT
#include "worker/run/hooks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

#include "worker/run/hook_process.h"

namespace certlatch {
namespace {

constexpr std::chrono::seconds kTime{300};

Result<void> run_command(Run& run, std::string_view kind, Hook hook, const StopSignal& stop) {
  hook.hidden = run.store.path();
  const auto name = fmt::format("`{}`: {}", kind, fmt::join(hook.command, " "));
  run.report.step(kind, hook.command.front());
  LongWait wait(run.report, std::string(kind), fmt::format("waits for {} to end", hook.command.front()),
                in(kTime));
  const auto output = run_hook(hook, kTime, stop, wait);
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

/// The directory with the pair. Nothing when the broker has not told where that is: the one below the state
/// directory is no substitute, since a key that is reused lies there, and what is in use elsewhere does not.
std::optional<std::string> lineage_of(const Run& run, const Work& work) {
  // Without an install entry the pair stays in the state directory, and this command is its only use.
  if (work.config->installs.empty()) return run.store.certificates_directory() + "/" + work.config->name;
  const auto& live = work.state.issued->live;
  const auto pair = std::ranges::find(live, work.config->installs.front(), &LivePair::entry);
  return pair == live.end() ? std::nullopt : std::optional(pair->directory + "/live");
}

}  // namespace

void run_before_hooks(Run& run) {
  std::map<HookCommand, std::string> done;  // what went wrong, or nothing
  for (Work& work : run.work) {
    const HookCommand& command = work.config->before;
    if (command.empty() || !work.plan.issues_at(run.now()) || run.stop.is_requested()) continue;
    auto known = done.find(command);
    if (known == done.end()) {
      const auto ran = run_command(
          run, "before", {.command = command, .environment = {}, .hidden = {}, .visible = {}}, run.stop);
      known = done.emplace(command, ran ? "" : ran.error().message).first;
    }
    if (known->second.empty()) {
      work.state.before = {};
      continue;
    }
    work.plan.issue = IssueReason::none;
    work.state.before = {work.state.before.count + 1, run.now(), known->second};
    run.fail(work, Trouble::other, known->second);
  }
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
    // What this run has deployed is due by now as well.
    const Plan plan = plan_for(*work.config, work.state, run.now(), run.force);
    if (!plan.hook.is_due(run.now()) || run.stop.is_requested()) continue;
    const auto lineage = lineage_of(run, work);
    if (!lineage) {
      run.report.detail(
          fmt::format("{}: `deployed` waits for a run in which the broker says where it is installed",
                      work.config->name));
      continue;
    }
    const auto ran = run_command(
        run, "deployed",
        {.command = work.config->deployed,
         .environment = {"RENEWED_DOMAINS=" + names_text(work.config->names), "RENEWED_LINEAGE=" + *lineage,
                         "CERTLATCH_CERTIFICATE=" + work.config->name},
         .hidden = {},
         .visible = work.config->installs.empty() ? *lineage : ""},
        run.stop);
    work.state.issued->hook_pending = !ran;
    if (ran) {
      work.state.succeed(&CertificateState::hook);
      run.report.say(fmt::format("{}: {} has run", work.config->name, work.config->deployed.front()));
      run.save(work);
      continue;
    }
    work.state.hook = {work.state.hook.count + 1, run.now(), ran.error().message};
    run.fail(work, Trouble::deployment, ran.error().message);
  }
}

}  // namespace certlatch
