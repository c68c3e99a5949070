// SPDX-License-Identifier: MIT
// A host on which the broker's install entries are directories with live pairs, as a worker can see them.
#pragma once

#include <filesystem>

#include "tests/unit/worker/renew_host.h"

struct HostWithPairs : Host {
  OwnDirectory pairs;
  explicit HostWithPairs(std::vector<std::string> names = {"a"}) : Host(std::move(names)) {
    for (auto& [entry, install] : peers.installs) {
      install.directory = pairs.path + "/" + entry;
      std::filesystem::create_directories(install.directory + "/1");
      std::filesystem::create_symlink("1", install.directory + "/live");
      pairs.write(entry + "/1/fullchain.pem", "chain");
      pairs.write(entry + "/1/privkey.pem", "key");
    }
  }
  Outcome converge(const std::string& configuration = "/dev/null") {
    report = {};
    peers.forget_events();
    const StopSignal never;
    Run run{.config = config, .store = store, .peers = peers, .report = report, .stop = never, .now = [this] {
              return now;
            }};
    certlatch::renew(run, {Force::no, {}, configuration, true});
    statistics = run.statistics;
    return run.outcome;
  }
  Statistics statistics;
};
