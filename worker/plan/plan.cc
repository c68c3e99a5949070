// SPDX-License-Identifier: MIT
#include "worker/plan/plan.h"

#include <algorithm>
#include <limits>

#include "worker/state/live_pair.h"

namespace certlatch {
namespace {

IssueReason issue_reason(const CertificateConfig& certificate, const CertificateState& state, Seconds now) {
  if (!state.issued) return IssueReason::never_issued;
  const IssuedCertificate& issued = *state.issued;
  if (renewal_of(certificate, issued) <= now) return IssueReason::due;
  auto wanted = certificate.names, held = issued.names;
  std::ranges::sort(wanted);
  std::ranges::sort(held);
  if (wanted != held) return IssueReason::names_changed;
  if (std::ranges::find(certificate.cas, issued.ca) == certificate.cas.end()) return IssueReason::ca_changed;
  if (!state.key_is_kept && !missing_installs(certificate, issued).empty()) return IssueReason::key_is_gone;
  // Of a forced renewal that was stopped: left alone, its key would stay until the certificate is due.
  if (state.order) return IssueReason::interrupted;
  return IssueReason::none;
}

/// When the first of its CAs may be asked again; 0 when one may be now.
Seconds first_ca_that_waits_no_longer(const CertificateConfig& certificate, const CertificateState& state,
                                      Seconds now) {
  Seconds first = std::numeric_limits<Seconds>::max();
  for (const auto& ca : certificate.cas) first = std::min(first, wait_of(state, ca));
  return first <= now || certificate.cas.empty() ? 0 : first;
}

}  // namespace

std::string_view text_of(IssueReason reason) {
  switch (reason) {
    case IssueReason::none:
      return "";
    case IssueReason::never_issued:
      return "there is none yet";
    case IssueReason::due:
      return "it is due";
    case IssueReason::forced:
      return "--force";
    case IssueReason::interrupted:
      return "an earlier run has asked for it";
    case IssueReason::names_changed:
      return "the configuration's names have changed";
    case IssueReason::ca_changed:
      return "the configuration names another CA";
    case IssueReason::key_is_gone:
      return "an install entry lacks it, and its key has been put away";
  }
  return "";
}

Seconds Plan::deployment_goes_on() const {
  Seconds first = std::numeric_limits<Seconds>::max();
  for (const PendingStep& step : {deploy, verify, hook})
    if (step.is_pending) first = std::min(first, step.not_before);
  return first;
}

Plan plan_for(const CertificateConfig& certificate, const CertificateState& state, Seconds now, Force force) {
  Plan plan;
  plan.issue = issue_reason(certificate, state, now);
  if (force == Force::yes && plan.issue == IssueReason::none) plan.issue = IssueReason::forced;
  if (force == Force::no && state.failures.count > 0)
    plan.not_before = next_attempt(state.failures.count, state.failures.last, now);
  if (force == Force::no && plan.issue != IssueReason::none)
    plan.not_before = std::max(plan.not_before, first_ca_that_waits_no_longer(certificate, state, now));
  // Whoever removes a pair again and again must not use up what the CA allows.
  if (force == Force::no && plan.issue == IssueReason::key_is_gone && state.repairs.count > 0)
    plan.not_before =
        std::max(plan.not_before, next_attempt(state.repairs.count - 1, state.repairs.last, now));
  if (force == Force::no && state.before.count > 0 && !certificate.before.empty())
    plan.not_before = std::max(plan.not_before, next_deployment(state.before.count, state.before.last, now));
  if (state.issued) {
    const bool lacks_some = !missing_installs(certificate, *state.issued).empty();
    // An interrupted order still needs the key.
    const bool key_is_spare =
        !lacks_some && !certificate.installs.empty() && !certificate.reuse_key && !state.order;
    const auto step = [&](bool is_pending, const Failures& failures) {
      const bool waits = force == Force::no && failures.count > 0;
      return PendingStep{is_pending, waits ? next_deployment(failures.count, failures.last, now) : 0};
    };
    const bool is_in_place = !lacks_some && !state.issued->services_pending;
    plan.deploy = step(state.issued->services_pending || (state.key_is_kept && (lacks_some || key_is_spare)),
                       state.deployment);
    plan.verify =
        step(is_in_place && state.issued->verify_pending && !certificate.verify.empty(), state.verification);
    plan.hook = step(is_in_place && state.issued->hook_pending && !certificate.deployed.empty(), state.hook);
  }
  return plan;
}

Seconds renewal_of(const CertificateConfig& certificate, const IssuedCertificate& issued) {
  const Seconds own = renewal_time_with(issued.not_before, issued.not_after, certificate.renew_at);
  if (!issued.suggested) return own;
  const Seconds suggested = renewal_time(issued.not_before, issued.not_after, issued.suggested->at);
  return certificate.renew_at > 0 ? std::min(own, suggested) : suggested;
}

bool has_changed_on_disk(const CertificateConfig& certificate, const CertificateState& state) {
  if (!state.issued) return false;
  return std::ranges::any_of(state.issued->installed, [&](const std::string& entry) {
    if (std::ranges::find(certificate.installs, entry) == certificate.installs.end()) return false;
    const auto pair = std::ranges::find(state.issued->live, entry, &LivePair::entry);
    return pair == state.issued->live.end() || look_at_live_pair(pair->directory) != pair->seen;
  });
}

Seconds next_work(const CertificateConfig& certificate, const Plan& plan, const CertificateState& state) {
  Seconds next = plan.issue != IssueReason::none ? plan.not_before
                 : state.issued                  ? renewal_of(certificate, *state.issued)
                                                 : 0;
  if (!plan.is_deployed()) next = std::min(next, plan.deployment_goes_on());
  if (state.issued && !state.issued->renewal_id.empty()) next = std::min(next, state.issued->ask_again);
  return next;
}

std::vector<std::string> removed_certificates(const Config& config, const Store& store) {
  std::vector<std::string_view> configured;
  for (const auto& certificate : config.certificates) configured.push_back(certificate.name);
  std::ranges::sort(configured);
  auto names = store.certificates();
  std::erase_if(names, [&](const std::string& name) { return std::ranges::binary_search(configured, name); });
  return names;
}

std::vector<std::string> missing_installs(const CertificateConfig& certificate,
                                          const IssuedCertificate& issued) {
  std::vector<std::string> missing;
  std::ranges::copy_if(certificate.installs, std::back_inserter(missing), [&](const std::string& entry) {
    return std::ranges::find(issued.installed, entry) == issued.installed.end();
  });
  return missing;
}

}  // namespace certlatch
