// SPDX-License-Identifier: MIT
// A host whose runs talk to fakes: what it has on disk, and what each run did.
#pragma once

#include <doctest/doctest.h>
#include <sys/eventfd.h>

#include "tests/unit/worker/fake_peers.h"
#include "tests/unit/worker/own_directory.h"
#include "tests/unit/worker/own_network.h"
#include "tests/unit/worker/recorded_report.h"
#include "worker/run/renew.h"

using namespace certlatch;

inline constexpr Seconds kNow = FakePeers::kNotBefore + 3600;

/// A host whose configuration has the certificates `a` and `b`, each installed under its own name for nginx.
struct Host {
  OwnDirectory directory;
  Config config;
  Store store = Store::open(directory.path).value();
  FakePeers peers;
  UniqueFd stop_fd = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  Seconds now = kNow;
  RecordedReport report;

  explicit Host(std::vector<std::string> names = {"a"}) {
    // The worker looks at its responder's port, where nobody listens here.
    enter_own_network();
    config.cas.push_back({.name = "le", .directory = "https://ca.test/dir", .origin = "https://ca.test"});
    for (const auto& name : names) {
      config.certificates.push_back(
          {.name = name, .names = {name + ".example"}, .cas = {"le"}, .opening = "http", .installs = {name}});
      peers.installs[name].services = {"nginx"};
    }
  }

  Outcome renew(Force force = Force::no, std::vector<std::string> names = {}, Trial trial = Trial::no) {
    report = {};
    peers.forget_events();
    const StopSignal stop{UniqueFd(::dup(stop_fd.get()))};
    Run run{.config = config,
            .store = store,
            .peers = peers,
            .report = report,
            .stop = stop,
            .now = [this] { return now; },
            .trial = trial};
    certlatch::renew(run, {force, std::move(names)});
    return run.outcome;
  }
  void ask_to_stop() const {
    const std::uint64_t one = 1;
    REQUIRE(::write(stop_fd.get(), &one, sizeof one) == sizeof one);
  }
  CertificateState state(const std::string& name = "a") { return store.load(name).value(); }
};

inline bool went_well(const Outcome& outcome) {
  return !outcome.failed && !outcome.broker_failed && !outcome.deployment_failed;
}
