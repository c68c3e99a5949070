// SPDX-License-Identifier: MIT
#include "worker/run/settle.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "worker/run/reconcile.h"
#include "worker/state/settled.h"

namespace certlatch {

bool is_settled(const Store& store, const std::string& configuration, Seconds now) {
  const auto text = store.settled();
  const auto settled = text ? settled_from(*text) : std::nullopt;
  if (!settled || settled->configuration != configuration || now < settled->since || now >= settled->until)
    return false;
  if (look_at_all(*settled, store.certificates_directory()) != settled->seen) return false;
  if (!settled->metrics.empty()) ::utimensat(AT_FDCWD, settled->metrics.c_str(), nullptr, 0);
  return true;
}

void settle(Run& run, const std::vector<Work>& others, const std::string& configuration) {
  const Seconds now = run.now();
  Settled settled{.since = now, .metrics = run.config.metrics, .configuration = configuration};
  bool is_idle = !run.outcome.failed && !run.outcome.broker_failed && !run.outcome.deployment_failed;
  const auto add = [&](const Work& work) {
    const Plan plan = plan_for(*work.config, work.state, now, Force::no);
    is_idle = is_idle && !plan.has_work(now);
    const Seconds next = next_work(*work.config, plan, work.state);
    settled.until = settled.until == 0 ? next : std::min(settled.until, next);
    settled.states.push_back(work.config->name);
    if (!work.state.issued) return;
    for (const LivePair& pair : work.state.issued->live) settled.pairs.push_back(pair.directory);
  };
  for (const Work& work : run.work) add(work);
  for (const Work& work : others) add(work);
  constexpr Seconds kDay = 24 * 3600;
  settled.until =
      settled.states.empty() ? now + kDay : std::min(settled.until, run.store.looked_over() + kLookedOverFor);
  if (!is_idle || settled.states.size() != run.config.certificates.size() || settled.until <= now)
    return run.store.forget_settled();
  settled.seen = look_at_all(settled, run.store.certificates_directory());
  if (auto saved = run.store.save_settled(settled_text(settled)); !saved)
    run.report.detail(saved.error().message);
}

}  // namespace certlatch
