// SPDX-License-Identifier: MIT
// `certlatch verify`
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "worker/command/command.h"
#include "worker/run/verify.h"
#include "worker/show/report.h"

namespace certlatch {
namespace {

struct Options {
  std::vector<std::string> names;
  bool json = false;
};

int run_verify(const Setting& setting, const Options& options) {
  const auto config = configuration_with(setting, options.names);
  if (!config) return kUsage;
  const auto store = Store::open(setting.state);
  if (!store) return complain(kFailed, store.error().message);
  ProcessPeers peers("/proc/self/exe", setting.socket);
  int code = kDone;
  const bool is_told = !setting.quiet && !options.json;
  bool is_any = false;
  auto list = nlohmann::json::array();
  std::vector<Served> all;
  for (const auto& certificate : config->certificates) {
    const bool is_named = std::ranges::find(options.names, certificate.name) != options.names.end();
    if (!options.names.empty() && !is_named) continue;
    if (certificate.verify.empty()) {
      if (is_named) code = complain(kUsage, certificate.name + ": its section has no `verify`");
      continue;
    }
    is_any = true;
    auto chain = store->load_chain(certificate.name);
    if (chain)
      all.push_back({&certificate, std::move(*chain)});
    else
      code = complain(kFailed, fmt::format("{}: there is no certificate yet", certificate.name));
  }
  Console console(is_told ? Verbosity::normal : Verbosity::quiet);
  look_at_served(peers, StopSignal(), console, std::chrono::milliseconds(0), all);
  for (const Served& served : all) {
    const auto& name = served.config->name;
    if (served.places.empty())
      code = complain(kFailed, fmt::format("{}: there was no time left to look; name it, and it is looked at "
                                           "first",
                                           name));
    for (const auto& place : served.places) {
      list.push_back({{"certificate", name},
                      {"place", place.place},
                      {"served", place.trouble.empty()},
                      {"trouble", place.trouble}});
      if (place.trouble.empty() && is_told) fmt::print("{}: {} serves it\n", name, place.place);
      if (!place.trouble.empty())
        code = complain(kDeployment, fmt::format("{}: {}: {}", name, place.place, place.trouble));
    }
  }
  if (options.json && !setting.quiet)
    fmt::print("{}\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  if (!is_any && code == kDone && is_told) fmt::print("No certificate's section has a `verify`.\n");
  return code;
}

}  // namespace

void add_verify_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto& verify = line.add("verify", "compare what is served with what was issued", options, run_verify);
  verify.add_option("NAME", options->names, "only these [certificate NAME] sections");
  verify.add_flag("--json", options->json, "as JSON");
}

}  // namespace certlatch
