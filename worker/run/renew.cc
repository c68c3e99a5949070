// SPDX-License-Identifier: MIT
#include "worker/run/renew.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "worker/run/deploy.h"
#include "worker/run/helpers.h"
#include "worker/run/hooks.h"
#include "worker/run/issue.h"
#include "worker/run/reconcile.h"
#include "worker/run/renewal_info.h"
#include "worker/run/settle.h"
#include "worker/run/verify.h"
#include "worker/show/words.h"

namespace certlatch {
namespace {

bool is_named(const RenewOptions& options, const CertificateConfig& config) {
  return std::ranges::find(options.names, config.name) != options.names.end();
}

/// Every certificate that is meant, with what is known of it.
void load(Run& run, const RenewOptions& options) {
  for (const CertificateConfig& config : run.config.certificates) {
    if (!options.names.empty() && !is_named(options, config)) continue;
    auto state = run.store.load(config.name);
    if (state) {
      run.work.push_back({&config, std::move(*state), {}});
      continue;
    }
    run.report.problem(fmt::format("{}: {}", config.name, state.error().message));
    run.outcome.note(Trouble::other);
  }
}

/// "after 2 failures, the last: the CA refuses the request"
std::string after_failures(std::uint32_t count, std::string_view last_error) {
  const auto line = last_error.substr(0, last_error.find('\n'));
  return fmt::format("after {} failure{}{}{}", count, count == 1 ? "" : "s",
                     line.empty() ? "" : ", the last: ", line);
}

void say_what_waits(Run& run, const Work& work, Seconds now) {
  const Plan& plan = work.plan;
  const CertificateState& state = work.state;
  const std::string& name = work.config->name;
  const auto say = [&](std::string_view what, Seconds at, const Failures& failures) {
    run.report.later(name,
                     fmt::format("{} at {}, {}; `certlatch renew {}` tries now", what, time_text(at),
                                 after_failures(std::max(failures.count, 1U),
                                                failures.reason.empty() ? state.last_error : failures.reason),
                                 name),
                     at);
  };
  if (plan.issue != IssueReason::none && plan.not_before > now)
    say("next attempt", plan.not_before, state.before.count > 0 ? state.before : state.failures);
  const auto say_step = [&](std::string_view what, const PendingStep& step, const Failures& failures) {
    if (step.is_pending && step.not_before > now) say(what, step.not_before, failures);
  };
  say_step("next attempt to deploy it", plan.deploy, state.deployment);
  say_step("what is served is compared again", plan.verify, state.verification);
  say_step("its `deployed` command runs again", plan.hook, state.hook);
}

/// Leaves the certificates for which something is to be done, and returns the others.
std::vector<Work> plan(Run& run, const RenewOptions& options) {
  const Seconds now = run.now();
  std::vector<Work> others;
  for (Work& work : std::exchange(run.work, {})) {
    work.plan = plan_for(*work.config, work.state, now, options.force);
    work.plan.must_look = has_changed_on_disk(*work.config, work.state);
    say_what_waits(run, work, now);
    (work.plan.has_work(now) ? run.work : others).push_back(std::move(work));
  }
  return others;
}

void report_removed(Run& run) {
  for (const auto& name : removed_certificates(run.config, run.store))
    run.report.say(
        fmt::format("{0}: is no longer in the configuration; `certlatch delete {0}` removes what is "
                    "kept of it",
                    name));
}

bool any_to_issue(const Run& run) {
  return std::ranges::any_of(run.work, [&](const Work& work) { return work.plan.issues_at(run.now()); });
}

bool any_needs_broker(const Run& run) {
  return std::ranges::any_of(run.work, [&](const Work& work) { return work.plan.needs_broker(run.now()); });
}

bool any_to_deploy(const Run& run) {
  return std::ranges::any_of(run.work, [&](const Work& work) {
    return work.is_issued || (work.state.issued && work.plan.deploy.is_due(run.now()));
  });
}

std::optional<BrokerClient> connect(Run& run) {
  auto channel = run.peers.connect_broker();
  auto broker = channel ? BrokerClient::greet(std::move(*channel), run.stop, run.report)
                        : Result<BrokerClient>(fail(channel.error()));
  if (broker) {
    broker->count_into(run.statistics);
    return std::move(*broker);
  }
  // Said once, not once for each certificate.
  run.report.problem(broker.error().message);
  run.outcome.note(Trouble::broker);
  for (Work& work : run.work) {
    if (!work.plan.needs_broker(run.now())) continue;
    work.state.last_error = broker.error().message;
    work.state.last_problem = run.now();
    run.save(work);
  }
  return std::nullopt;
}

/// A certificate whose entries the policy does not have is no reason to bother the CA.
void drop_what_the_policy_lacks(Run& run, const StatusAnswer& status) {
  std::erase_if(run.work, [&](Work& work) {
    std::string sentence;
    const auto& opening = work.config->opening;
    if (!opening.empty() &&
        std::ranges::find(status.openings, opening, &OpeningStatus::entry) == status.openings.end())
      sentence = fmt::format("`opening = {0}`: the policy has no [open {0}]", work.config->opening);
    for (const auto& entry : work.config->installs) {
      if (std::ranges::find(status.installs, entry, &InstallStatus::entry) == status.installs.end())
        sentence = fmt::format("`install = {0}`: the policy has no [install {0}]", entry);
    }
    if (!sentence.empty()) run.fail(work, Trouble::broker, sentence);
    return !sentence.empty();
  });
}

/// All processes that the work needs, the keeper first.
Result<void> start_helpers(Run& run, Helpers& helpers) {
  if (auto keeper = helpers.start_keeper(); !keeper) return keeper;
  return any_to_issue(run) ? helpers.start_acme() : Result<void>();
}

/// Everything that needs the keys or the CA.
void issue_and_deploy(Run& run, Helpers& helpers, BrokerClient& broker, const StatusAnswer& status) {
  if (auto started = start_helpers(run, helpers); !started) {
    run.report.problem(started.error().message);
    return run.outcome.note(Trouble::other);
  }
  if (any_to_issue(run)) {
    // In a trial as well: while a server is in the way it would not tell the truth.
    run_before_hooks(run);
    Issuance(run, broker, helpers, status).carry_out();
    // Whatever stops the run: a server that was stopped for it is started again.
    run_after_hooks(run);
  }
  if (run.trial == Trial::yes || run.stop.is_requested()) return;
  if (!any_to_deploy(run) && !any_stale_service(run, status)) return;
  if (!broker.is_usable()) {
    // It may have been restarted while the CA was at work.
    auto again = connect(run);
    if (!again) return;
    broker = std::move(*again);
  }
  deploy(run, broker, *helpers.keeper);
}

void work_off(Run& run, Helpers& helpers, BrokerClient broker, const RenewOptions& options) {
  const auto status = broker.status(run.install_entries());
  if (!status) {
    run.report.problem(status.error().message);
    return run.outcome.note(Trouble::broker);
  }
  drop_what_the_policy_lacks(run, *status);
  if (run.work.empty()) return;
  if (run.trial == Trial::no) reconcile(run, *status, options.force);
  if (any_to_issue(run) || any_to_deploy(run) || any_stale_service(run, *status))
    issue_and_deploy(run, helpers, broker, *status);
  if (run.trial == Trial::no) note_live_pairs(run, broker, *status);
}

}  // namespace

void renew(Run& run, const RenewOptions& options) {
  run.force = options.force;
  load(run, options);
  Helpers helpers(run);
  if (run.trial == Trial::no) ask_when_to_renew(run, helpers);
  auto others = plan(run, options);
  const bool is_whole = options.names.empty() && run.trial == Trial::no;
  const Seconds looked = run.store.looked_over();
  const bool looks =
      is_whole && options.looks_over && (looked > run.now() || looked + kLookedOverFor <= run.now());
  const bool has_looked = looks && look_over(run, others);
  if (is_whole) report_removed(run);
  if (!run.work.empty()) {
    if (run.trial == Trial::no) run.store.forget_settled();
    if (any_needs_broker(run))
      if (auto broker = connect(run)) work_off(run, helpers, std::move(*broker), options);
  }
  // These need no broker, and one that is gone does not stop them.
  if (run.trial == Trial::no) {
    verify_deployed(run);
    run_deployed_hooks(run);
  }
  if (has_looked) run.store.note_looked_over(run.now());
  if (is_whole && !options.configuration.empty()) settle(run, others, options.configuration);
}

}  // namespace certlatch
