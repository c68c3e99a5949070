// SPDX-License-Identifier: MIT
// `certlatch status`
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "worker/command/command.h"
#include "worker/command/overview_of_setting.h"
#include "worker/show/status.h"

namespace certlatch {
namespace {

struct Options {
  bool json = false;
  bool offline = false;
  std::vector<std::string> names;
};

bool sees_otherwise(const Overview& overview) {
  return std::ranges::any_of(overview.certificates, [](const CertificateView& view) {
    return std::ranges::any_of(view.installs,
                               [](const auto& it) { return it.condition == InstallCondition::altered; }) ||
           std::ranges::any_of(view.services,
                               [](const auto& it) { return it.condition == ServiceCondition::stale; });
  });
}

int run_status(const Setting& setting, const Options& options) {
  const auto config = configuration_with(setting, options.names);
  if (!config) return kUsage;
  auto store = Store::open(setting.state);
  if (!store) return complain(kFailed, store.error().message);
  std::optional<Result<StatusAnswer>> broker;
  if (!options.offline) broker = ask_broker(setting, config->install_entries());
  const auto overview = overview_of(*config, *store, broker, options.names);
  const auto text = setting.quiet  ? ""
                    : options.json ? status_json(overview)
                                   : status_text(overview, Screen::of(STDOUT_FILENO));
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return complain(kFailed, Error::system("standard output").message);
  // What the broker sees otherwise than the state, the next run shall look at, although nothing is due.
  if (sees_otherwise(overview)) store->look_over_next();
  const bool is_well =
      std::ranges::all_of(overview.certificates, [](const auto& view) { return view.attention.empty(); });
  if (!is_well) return kFailed;
  return overview.broker_trouble.empty() ? kDone : kBroker;
}

}  // namespace

void add_status_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto& status = line.add("status", "what there is, how long it lasts, what comes next", options, run_status);
  status.add_flag("--json", options->json, "as JSON");
  status.add_flag("--offline", options->offline, "do not ask the broker what is installed and loaded");
  status.add_option("NAME", options->names, "only these [certificate NAME] sections");
}

}  // namespace certlatch
