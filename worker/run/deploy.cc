// SPDX-License-Identifier: MIT
#include "worker/run/deploy.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "worker/plan/broker_status.h"
#include "worker/run/hints.h"

namespace certlatch {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view wanted) {
  return std::ranges::find(list, wanted) != list.end();
}

class Deployment {
 public:
  Deployment(Run& run, BrokerClient& broker, KeeperClient& keeper)
      : run_(run), broker_(broker), keeper_(keeper) {}

  void carry_out() {
    const auto status = broker_.status(run_.install_entries());
    if (!status) return fail_all(status.error());
    for (const InstallStatus& install : status->installs)
      for (const auto& service : install.services) services_[service].insert(install.entry);
    for (Work& work : run_.work)
      if (concerns(work) && !run_.stop.is_requested()) stage(work, *status);
    if (!run_.stop.is_requested()) restart_services();
    for (Work& work : run_.work)
      if (concerns(work)) settle(work);
    // Stale by the doing of others than this run's certificates.
    for (const auto& [service, failure] : failed_) say(service, failure);
    for (Work& work : run_.work)
      if (concerns(work)) put_key_away(work);
  }

 private:
  /// A pair that is in its place, while the checks of its services are still to come.
  struct Staged {
    Work* work = nullptr;
    std::string entry;
    std::uint32_t version = 0;
    std::vector<std::string> services;
  };
  struct Failure {
    RefusalReason reason = RefusalReason::host;
    std::string sentence;
  };

  bool concerns(const Work& work) const {
    return work.state.issued && (work.is_issued || work.plan.deploy.is_due(run_.now()));
  }

  void fail(Work& work, Trouble trouble, std::string_view sentence) {
    run_.fail(work, trouble, sentence);
    troubled_.insert(&work);
  }

  void fail_all(const Error& error) {
    for (Work& work : run_.work)
      if (concerns(work)) fail(work, work.is_issued ? Trouble::deployment : Trouble::broker, error.message);
  }

  void stage(Work& work, const StatusAnswer& status) {
    const auto missing = missing_installs(*work.config, *work.state.issued);
    if (missing.empty()) return;
    const auto chain = run_.store.load_chain(work.config->name);
    if (!chain) return fail(work, Trouble::other, chain.error().message);
    for (const std::string& entry : missing) {
      const InstallStatus* live = find_install(status, entry);
      // An earlier run was killed between the broker's answer and writing it down.
      if (live != nullptr && holds(*live, work.state.issued->fingerprint)) {
        note_installed(work, entry);
        continue;
      }
      auto key = keeper_.take_key(work.config->name);
      if (!key) return fail(work, Trouble::other, key.error().message);
      run_.report.step(work.config->name, "installs");
      const auto staged = broker_.stage(entry, *chain, std::move(*key));
      run_.report.step(work.config->name, "");
      if (!staged) {
        const auto hint = live == nullptr ? "" : directory_hint(live->directory);
        fail(work, Trouble::deployment, staged.error().message + hint);
      } else if (live == nullptr || live->services.empty()) {
        say_installed(work, entry, staged->version);
      } else {
        staged_.push_back({&work, entry, staged->version, live->services});
      }
    }
  }

  void say_installed(Work& work, const std::string& entry, std::uint32_t version) {
    note_installed(work, entry);
    run_.report.say(fmt::format("{}: installed as {}, version {}", work.config->name, entry, version));
  }

  void note_installed(Work& work, const std::string& entry) {
    IssuedCertificate& issued = *work.state.issued;
    issued.installed.push_back(entry);
    issued.services_pending = true;
    issued.verify_pending = !work.config->verify.empty();
    issued.hook_pending = !work.config->deployed.empty();
    // How often that went wrong with another pair says nothing of this one.
    work.state.verification = work.state.hook = {};
    run_.outcome.changed = true;
    run_.save(work);
  }

  // The broker remembers what each service has loaded: what is stale shows there, whichever run made it so.
  void restart_services() {
    auto status = broker_.status(run_.install_entries());
    if (!status) return fail_pending(status.error());
    restart_stale(*status);
    const auto again = confirm();
    say_restarted();
    if (again.empty() || run_.stop.is_requested()) return;
    install_one_by_one(again);
    status = broker_.status(run_.install_entries());
    if (!status) return fail_pending(status.error());
    // What a check has failed for is out of the way now.
    std::erase_if(failed_, [](const auto& failure) { return failure.second.reason == RefusalReason::check; });
    restart_stale(*status);
    say_restarted();
  }

  /// In the policy's order.
  void restart_stale(StatusAnswer status) {
    for (std::size_t i = 0; i < status.services.size(); ++i) {
      const std::string service = status.services[i].entry;
      if (failed_.contains(service) || run_.stop.is_requested() || !is_stale(status, service)) continue;
      run_.report.step(service, "restarts");
      const auto restarted = broker_.restart(service);
      run_.report.step(service, "");
      if (restarted) {
        run_.outcome.changed = true;
        restarted_.push_back(service);
        continue;
      }
      failed_[service] = {broker_.refusal(), restarted.error().message};
      // What was staged for it has been undone: the services behind it may not need to know of it any more.
      auto again = broker_.refusal() == RefusalReason::check && broker_.is_usable()
                       ? broker_.status(run_.install_entries())
                       : certlatch::fail(restarted.error());
      if (again && again->services.size() == status.services.size()) status = std::move(*again);
    }
  }

  void say_restarted() {
    for (const auto& service : std::exchange(restarted_, {}))
      run_.report.say(fmt::format("{}: restarted", service));
  }

  /// It uses what is live for this configuration, and has not loaded it.
  [[nodiscard]] bool is_stale(const StatusAnswer& status, const std::string& service) const {
    return std::ranges::any_of(status.installs, [&](const InstallStatus& install) {
      return contains(install.services, service) && install.state != PairState::absent &&
             is_ours(install.entry) && !has_loaded(status, service, install);
    });
  }

  [[nodiscard]] bool is_ours(const std::string& entry) const {
    return std::ranges::any_of(run_.config.certificates, [&](const CertificateConfig& config) {
      return contains(config.installs, entry);
    });
  }

  /// Notes the pairs whose services' checks have agreed with them; the others the broker has taken back, or
  /// will, and they are returned.
  std::vector<Staged> confirm() {
    std::vector<Staged> others;
    for (Staged& staged : std::exchange(staged_, {})) {
      const bool is_refused = std::ranges::any_of(staged.services, [&](const std::string& service) {
        const auto failure = failed_.find(service);
        return failure != failed_.end() && failure->second.reason != RefusalReason::command;
      });
      if (is_refused)
        others.push_back(std::move(staged));
      else
        say_installed(*staged.work, staged.entry, staged.version);
    }
    return others;
  }

  /// So that each check's verdict is about one pair alone.
  void install_one_by_one(const std::vector<Staged>& list) {
    for (const Staged& staged : list) {
      Work& work = *staged.work;
      const auto failure = std::ranges::find_if(
          failed_, [&](const auto& entry) { return contains(staged.services, entry.first); });
      if (list.size() == 1 && failure->second.reason == RefusalReason::check) {
        fail(work, Trouble::deployment,
             fmt::format("install {}: undone, since {}", staged.entry, failure->second.sentence));
        continue;
      }
      if (run_.stop.is_requested()) return;
      const auto chain = run_.store.load_chain(work.config->name);
      auto key = chain ? keeper_.take_key(work.config->name) : Result<Secret>(certlatch::fail(chain.error()));
      if (!key) {
        fail(work, Trouble::other, key.error().message);
        continue;
      }
      const auto installed = broker_.install(staged.entry, *chain, std::move(*key));
      if (installed)
        say_installed(work, staged.entry, installed->version);
      else
        fail(work, Trouble::deployment, installed.error().message);
    }
  }

  void fail_pending(const Error& error) {
    for (const Staged& staged : std::exchange(staged_, {}))
      fail(*staged.work, Trouble::deployment, error.message);
    for (Work& work : run_.work)
      if (work.state.issued && work.state.issued->services_pending)
        fail(work, Trouble::deployment, error.message);
  }

  void settle(Work& work) {
    say_failed_services(work);
    auto& state = work.state;
    if (troubled_.contains(&work)) {
      state.deployment = {state.deployment.count + 1, run_.now(), state.last_error};
    } else if (!run_.stop.is_requested()) {
      state.issued->services_pending = false;
      // What an earlier run could not do is done.
      state.succeed(&CertificateState::deployment);
    }
    run_.save(work);
  }

  /// Each service's failure is said once, and remembered with every certificate that it concerns.
  void say_failed_services(Work& work) {
    for (const auto& [service, failure] : failed_) {
      if (!uses(work, service)) continue;
      say(service, failure);
      work.state.last_error = fmt::format("{}: {}", service, failure.sentence);
      work.state.last_problem = run_.now();
      troubled_.insert(&work);
    }
  }

  void say(const std::string& service, const Failure& failure) {
    if (said_.insert(service).second) run_.report.problem(fmt::format("{}: {}", service, failure.sentence));
    run_.outcome.note(Trouble::deployment);
  }

  [[nodiscard]] bool uses(const Work& work, const std::string& service) const {
    const auto users = services_.find(service);
    return users != services_.end() && std::ranges::any_of(work.config->installs, [&](const auto& entry) {
             return users->second.contains(entry);
           });
  }

  void put_key_away(Work& work) {
    const bool is_needed = work.config->installs.empty() || work.config->reuse_key || work.state.order ||
                           !missing_installs(*work.config, *work.state.issued).empty();
    if (is_needed || !work.state.key_is_kept) return;
    if (auto forgotten = keeper_.forget_key(work.config->name); !forgotten)
      return run_.fail(work, Trouble::other, forgotten.error().message);
    work.state.key_is_kept = false;
    run_.save(work);
  }

  Run& run_;
  BrokerClient& broker_;
  KeeperClient& keeper_;
  std::vector<Staged> staged_;
  std::vector<std::string> restarted_;                     // and not said yet
  std::map<std::string, Failure> failed_;                  // by service
  std::map<std::string, std::set<std::string>> services_;  // the install entries of each
  std::set<const Work*> troubled_;
  std::set<std::string> said_;  // failed services
};

}  // namespace

void deploy(Run& run, BrokerClient& broker, KeeperClient& keeper) {
  Deployment(run, broker, keeper).carry_out();
}

}  // namespace certlatch
