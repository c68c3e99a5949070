// SPDX-License-Identifier: MIT
// `certlatch list`
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "worker/command/command.h"
#include "worker/plan/plan.h"
#include "worker/show/words.h"

namespace certlatch {
namespace {

struct Options {
  bool json = false;
};

struct Listed {
  std::string name;
  std::vector<std::string> names;  // of the configuration
  Seconds not_after = 0;           // 0: there is no certificate
  bool is_configured = true;
};

/// A line for each, to be read by scripts: name, end of its life, names; separated by tabs.
void print(const Listed& one) {
  const auto end = one.not_after != 0 ? time_text(one.not_after) : "-";
  if (one.is_configured)
    fmt::print("{}\t{}\t{}\n", one.name, end, fmt::join(one.names, " "));
  else
    fmt::print("{}\t{}\tnot in the configuration\n", one.name, end);
}

void print_json(const std::vector<Listed>& list) {
  auto array = nlohmann::json::array();
  for (const Listed& one : list)
    array.push_back({{"certificate", one.name},
                     {"names", one.names},
                     {"not_after", one.not_after != 0 ? nlohmann::json(one.not_after) : nlohmann::json()},
                     {"configured", one.is_configured}});
  fmt::print("{}\n", array.dump(2));
}

int run_list(const Setting& setting, const Options& options) {
  const auto config = configuration(setting);
  if (!config) return kUsage;
  const auto store = Store::open(setting.state);
  if (!store) return complain(kFailed, store.error().message);
  int code = kDone;
  std::vector<Listed> list;
  const auto end_of = [&](const std::string& name) -> Seconds {
    const auto state = store->load(name);
    if (!state) code = complain(kFailed, fmt::format("{}: {}", name, state.error().message));
    return state && state->issued ? state->issued->not_after : 0;
  };
  for (const auto& certificate : config->certificates)
    list.push_back({certificate.name, certificate.names, end_of(certificate.name), true});
  for (const auto& name : removed_certificates(*config, *store))
    list.push_back({name, {}, end_of(name), false});
  if (setting.quiet) return code;
  if (options.json)
    print_json(list);
  else
    std::ranges::for_each(list, print);
  return code;
}

}  // namespace

void add_list_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  line.add("list", "the certificates, a line for each", options, run_list)
      .add_flag("--json", options->json, "as JSON");
}

}  // namespace certlatch
