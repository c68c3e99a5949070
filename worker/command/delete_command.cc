// SPDX-License-Identifier: MIT
// `certlatch delete NAME`
#include <fmt/format.h>

#include <algorithm>

#include "worker/command/command.h"
#include "worker/state/store.h"

namespace certlatch {
namespace {

struct Options {
  std::string name;
};

int run_delete(const Setting& setting, const Options& options) {
  const auto config = configuration(setting);
  if (!config) return kUsage;
  if (config->certificate(options.name) != nullptr)
    return complain(kUsage,
                    fmt::format("{0} still has a [certificate {1}], which the next run would get again: take "
                                "it out first",
                                setting.config, options.name));
  auto store = Store::open(setting.state);
  if (!store) return complain(kFailed, store.error().message);
  const auto lock = store->lock();
  if (!lock)
    return complain(lock.error().kind == Error::Kind::conflict ? kLocked : kFailed, lock.error().message);
  const auto known = store->certificates();
  if (std::ranges::find(known, options.name) == known.end())
    return complain(kUsage, fmt::format("nothing is kept of a certificate {}", options.name));
  const auto state = store->load(options.name);
  store->forget_settled();
  if (auto removed = store->remove(options.name); !removed) return complain(kFailed, removed.error().message);
  if (setting.quiet) return kDone;
  fmt::print("{}: removed\n", options.name);
  if (!state || !state->issued) return kDone;
  // What the broker has installed is root's to remove: the worker can name no path.
  for (const LivePair& pair : state->issued->live)
    fmt::print("What was installed stays in {}; remove it as root, with its [install {}] of the policy.\n",
               pair.directory, pair.entry);
  return kDone;
}

}  // namespace

void add_delete_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto& command =
      line.add("delete", "remove what is kept of a certificate that the configuration no longer has", options,
               run_delete);
  command.add_option("NAME", options->name, "of the certificate")->required();
}

}  // namespace certlatch
