// SPDX-License-Identifier: MIT
// `certlatch renew`
#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "worker/command/command_run.h"
#include "worker/command/overview_of_setting.h"
#include "worker/run/helpers.h"
#include "worker/run/renew.h"
#include "worker/run/settle.h"

namespace certlatch {
namespace {

struct Options {
  bool force = false;
  bool changed = false;
  bool dry_run = false;
  bool json = false;
  std::vector<std::string> names;
};

int exit_code(const Outcome& outcome, const Options& options) {
  if (outcome.failed) return kFailed;
  if (outcome.broker_failed) return kBroker;
  if (outcome.deployment_failed) return kDeployment;
  return options.changed && outcome.changed ? kChanged : kDone;
}

/// The usual answer, without reading the configuration: there is nothing to do.
bool has_nothing_to_do(const Setting& setting, const Options& options) {
  if (options.force || options.dry_run || !options.names.empty()) return false;
  // Whoever looks on is told what waits, and until when.
  if (setting.verbose || options.json || ::isatty(STDOUT_FILENO) == 1) return false;
  // A state directory is made only for a configuration without faults.
  if (::access((setting.state + "/settled").c_str(), F_OK) != 0) return false;
  const auto store = Store::open(setting.state);
  return store && is_settled(*store, setting.config, now());
}

void add_up(Store& store, const Statistics& run) {
  if (run == Statistics{}) return;
  Statistics all = store.statistics();
  all.openings += run.openings;
  all.open_milliseconds += run.open_milliseconds;
  all.installs += run.installs;
  all.restarts += run.restarts;
  if (auto saved = store.save_statistics(all); !saved) complain(kFailed, saved.error().message);
}

/// Thousands of hosts have the same line in cron: not all of them shall come to the CA in the same second.
void wait_for_a_random_time(const Setting& setting, const Config& config, Form form) {
  if (config.jitter == 0) return;
  if (::isatty(STDIN_FILENO) || ::isatty(STDOUT_FILENO) || ::isatty(STDERR_FILENO)) return;
  const std::chrono::milliseconds time(::randombytes_uniform(config.jitter * 1000));
  // Not in plain lines: there may be nothing to do, and then cron has nothing to send.
  if (setting.verbose || form == Form::events)
    report_for(setting, config, form)
        ->wait("jitter", "waits for a random time before it begins",
               now() + std::chrono::ceil<std::chrono::seconds>(time).count());
  std::this_thread::sleep_for(time);
}

int run_renew(const Setting& setting, const Options& options) {
  if (has_nothing_to_do(setting, options)) return kDone;
  const auto config = configuration_with(setting, options.names);
  if (!config) return kUsage;
  if (options.dry_run) {
    for (const auto& ca : config->cas)
      if (directory_of(ca, Trial::yes).empty())
        return complain(
            kUsage,
            fmt::format("no staging directory of [ca {}] is known: write `staging = URL` there", ca.name));
  }
  const Form form = options.json ? Form::events : Form::text;
  if (!options.force && !options.dry_run && options.names.empty())
    wait_for_a_random_time(setting, *config, form);
  int code = kDone;
  auto command_run = CommandRun::start(setting, *config, code, form);
  if (!command_run) return code;
  Run run = command_run->run();
  run.trial = options.dry_run ? Trial::yes : Trial::no;
  const Force force = options.force || options.dry_run ? Force::yes
                      : options.names.empty()          ? Force::no
                                                       : Force::now;
  renew(run, {force, options.names, setting.config, true});
  if (!options.dry_run) {
    add_up(run.store, run.statistics);
    write_metrics(run.config, run.store);
  }
  return exit_code(run.outcome, options);
}

}  // namespace

void add_renew_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto& renew = line.add("renew", "issue, renew and deploy what is due", options, run_renew);
  renew.add_flag("--force", options->force, "renew what is not due, and wait for nothing after failures");
  renew.add_flag("--changed", options->changed, "exit with status 10 when something was renewed or deployed");
  renew.add_flag(
      "--dry-run", options->dry_run,
      "try the whole way at the CA's staging directory; nothing is stored, installed or restarted, though "
      "`before` and `after` run");
  renew.add_flag("--json", options->json, "one object a line for each event");
  renew.add_option("NAME", options->names, "only these [certificate NAME] sections");
}

}  // namespace certlatch
