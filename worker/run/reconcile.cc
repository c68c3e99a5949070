// SPDX-License-Identifier: MIT
#include "worker/run/reconcile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "worker/plan/broker_status.h"
#include "worker/show/words.h"
#include "worker/state/live_pair.h"

namespace certlatch {
namespace {

constexpr Seconds kForgotten = 7 * 24 * 3600;  // a repair so long ago says nothing about the next

bool is_used(const CertificateConfig& config, std::string_view entry) {
  return std::ranges::find(config.installs, entry) != config.installs.end();
}

std::string_view what_happened(const InstallStatus* live) {
  if (live == nullptr || live->state == PairState::absent) return "is gone";
  return live->state == PairState::altered ? "has been changed" : "has been replaced";
}

/// The installs that are not what the state says.
std::vector<std::string> lost_installs(const Work& work, const StatusAnswer& status) {
  std::vector<std::string> lost;
  std::ranges::copy_if(work.state.issued->installed, std::back_inserter(lost), [&](const std::string& entry) {
    const InstallStatus* live = find_install(status, entry);
    return is_used(*work.config, entry) && (live == nullptr || !holds(*live, work.state.issued->fingerprint));
  });
  return lost;
}

bool has_stale_service(const Work& work, const StatusAnswer& status) {
  return std::ranges::any_of(work.state.issued->installed, [&](const std::string& entry) {
    const InstallStatus* live = find_install(status, entry);
    return is_used(*work.config, entry) && live != nullptr && live->state == PairState::whole &&
           std::ranges::any_of(live->services, [&](const std::string& service) {
             return !has_loaded(status, service, *live);
           });
  });
}

void reconcile(Run& run, Work& work, const StatusAnswer& status, Force force) {
  const auto lost = lost_installs(work, status);
  if (lost.empty()) return;
  const Seconds now = run.now();
  auto& repairs = work.state.repairs;
  if (repairs.last + kForgotten < now) repairs = {};
  if (!work.state.key_is_kept) repairs = {repairs.count + 1, now};
  auto& issued = *work.state.issued;
  for (const auto& entry : lost) {
    std::erase(issued.installed, entry);
    std::erase_if(issued.live, [&](const LivePair& pair) { return pair.entry == entry; });
  }
  work.plan = plan_for(*work.config, work.state, now, force);
  const bool waits = work.plan.issue != IssueReason::none && !work.plan.issues_at(now);
  for (const auto& entry : lost)
    run.report.say(
        fmt::format("{}: what was installed as {} {}{}", work.config->name, entry,
                    what_happened(find_install(status, entry)),
                    waits ? fmt::format(" again; repaired from {} on", time_text(work.plan.not_before))
                          : "; it is installed anew"));
  run.save(work);
}

}  // namespace

void reconcile(Run& run, const StatusAnswer& status, Force force) {
  for (Work& work : run.work) {
    work.plan.must_look = false;
    if (work.state.issued) reconcile(run, work, status, force);
  }
}

bool any_stale_service(const Run& run, const StatusAnswer& status) {
  return std::ranges::any_of(status.installs, [&](const InstallStatus& install) {
    return install.state != PairState::absent &&
           std::ranges::any_of(run.config.certificates,
                               [&](const auto& config) { return is_used(config, install.entry); }) &&
           std::ranges::any_of(install.services, [&](const std::string& service) {
             return !has_loaded(status, service, install);
           });
  });
}

bool look_over(Run& run, std::vector<Work>& others) {
  const auto has_installs = [](const Work& work) {
    return work.state.issued && !work.state.issued->installed.empty();
  };
  if (std::ranges::none_of(others, has_installs)) return true;
  auto channel = run.peers.connect_broker();
  auto broker = channel ? BrokerClient::greet(std::move(*channel), run.stop, run.report)
                        : Result<BrokerClient>(fail(channel.error()));
  std::vector<std::string> entries;
  for (const Work& work : others)
    if (has_installs(work))
      entries.insert(entries.end(), work.state.issued->installed.begin(), work.state.issued->installed.end());
  const auto status = broker ? broker->status(entries) : fail(broker.error());
  if (!status) {
    run.report.detail(fmt::format("not looked at what is installed: {}", status.error().message));
    return false;
  }
  std::erase_if(others, [&](Work& work) {
    if (!has_installs(work)) return false;
    if (!work.state.issued->services_pending && has_stale_service(work, *status)) {
      work.state.issued->services_pending = true;
      work.plan = plan_for(*work.config, work.state, run.now(), Force::no);
    }
    work.plan.must_look = !lost_installs(work, *status).empty();
    if (!work.plan.has_work(run.now())) return false;
    run.work.push_back(std::move(work));
    return true;
  });
  return true;
}

void note_live_pairs(Run& run, BrokerClient& broker, const StatusAnswer& before) {
  std::map<std::string, LivePair> looks;  // those that are not as they were seen last
  for (const Work& work : run.work) {
    if (!work.state.issued) continue;
    const auto& live = work.state.issued->live;
    for (const auto& entry : work.state.issued->installed) {
      const InstallStatus* install = find_install(before, entry);
      if (install == nullptr) continue;
      LivePair look{entry, install->directory, look_at_live_pair(install->directory)};
      if (std::ranges::find(live, look) == live.end()) looks[entry] = std::move(look);
    }
  }
  if (looks.empty() || !broker.is_usable()) return;
  std::vector<std::string> entries;
  for (const auto& [entry, look] : looks) entries.push_back(entry);
  const auto status = broker.status(entries);
  if (!status) return;
  for (Work& work : run.work) {
    if (!work.state.issued) continue;
    auto seen = work.state.issued->live;
    std::erase_if(seen, [&](const LivePair& pair) { return looks.contains(pair.entry); });
    for (const auto& entry : work.state.issued->installed) {
      const InstallStatus* live = find_install(*status, entry);
      const auto look = looks.find(entry);
      if (look != looks.end() && live != nullptr && holds(*live, work.state.issued->fingerprint))
        seen.push_back(look->second);
    }
    if (seen == work.state.issued->live) continue;
    work.state.issued->live = std::move(seen);
    run.save(work);
  }
}

}  // namespace certlatch
