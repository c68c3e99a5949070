// SPDX-License-Identifier: MIT
#include "worker/show/overview.h"

#include <fmt/format.h>

#include <algorithm>

#include "worker/plan/broker_status.h"
#include "worker/show/words.h"

namespace certlatch {
namespace {

/// Due for so long that the runs that should have renewed it cannot have taken place, or come to nothing.
bool is_overdue(const CertificateView& view, Seconds now) {
  const Seconds end = view.state.issued->not_after;
  return now >= view.renewal + (end - view.renewal) / 4;
}

InstallView install_view(const CertificateView& view, const std::string& entry, const StatusAnswer* broker) {
  const auto& issued = view.state.issued;
  const bool is_noted = issued && std::ranges::find(issued->installed, entry) != issued->installed.end();
  InstallView shown{entry, is_noted ? InstallCondition::installed : InstallCondition::missing, 0};
  if (broker == nullptr) return shown;
  const InstallStatus* live = find_install(*broker, entry);
  if (live == nullptr) return {entry, InstallCondition::unknown, 0};
  shown.version = live->version;
  if (issued && holds(*live, issued->fingerprint))
    shown.condition = InstallCondition::installed;
  else if (is_noted)
    shown.condition = InstallCondition::altered;
  return shown;
}

std::vector<ServiceView> service_views(const CertificateView& view, const StatusAnswer& broker) {
  std::vector<ServiceView> views;
  for (const auto& entry : view.config->installs) {
    const InstallStatus* live = find_install(broker, entry);
    if (live == nullptr || live->state == PairState::absent) continue;
    for (const auto& service : live->services) {
      auto known = std::ranges::find(views, service, &ServiceView::service);
      if (known == views.end()) known = views.insert(views.end(), {service, ServiceCondition::loaded});
      if (!has_loaded(broker, service, *live)) known->condition = ServiceCondition::stale;
    }
  }
  return views;
}

void say_what_comes_next(CertificateView& view, Seconds now) {
  const Plan& plan = view.plan;
  const bool is_broken = std::ranges::any_of(
      view.installs, [](const InstallView& it) { return it.condition == InstallCondition::altered; });
  const bool is_stale = std::ranges::any_of(
      view.services, [](const ServiceView& it) { return it.condition == ServiceCondition::stale; });
  if (plan.issues_at(now)) {
    view.next = plan.issue == IssueReason::never_issued ? "issue" : "renew";
  } else if (plan.issue != IssueReason::none) {
    view.next = "try again";
    view.next_at = plan.not_before;
  } else if (is_broken) {
    view.next = "repair";
  } else if (!plan.is_deployed() || is_stale) {
    view.next = "deploy";
    if (!plan.is_deployed() && plan.deployment_goes_on() > now) view.next_at = plan.deployment_goes_on();
  } else {
    view.next = "renew";
    view.next_at = view.renewal;
  }
}

void find_what_needs_attention(CertificateView& view, Seconds now) {
  auto& list = view.attention;
  const auto& issued = view.state.issued;
  if (!issued)
    list.emplace_back("there is no certificate yet");
  else if (issued->not_after <= now)
    list.push_back(fmt::format("it has expired, on {}", time_text(issued->not_after)));
  else if (is_overdue(view, now))
    list.push_back(fmt::format("its renewal is overdue since {}: does certlatch run by cron or a timer?",
                               time_text(view.renewal)));
  for (const InstallView& install : view.installs) {
    if (install.condition == InstallCondition::altered)
      list.push_back(fmt::format("{}: the installed pair was changed, replaced or removed", install.entry));
    if (install.condition == InstallCondition::unknown)
      list.push_back(fmt::format("`install = {0}`: the policy has no [install {0}]", install.entry));
    if (install.condition == InstallCondition::missing && issued)
      list.push_back(fmt::format("{}: not installed yet", install.entry));
  }
  for (const ServiceView& service : view.services)
    if (service.condition == ServiceCondition::stale)
      list.push_back(fmt::format("{}: has not loaded what is installed", service.service));
  if (!view.state.last_error.empty()) list.emplace_back("the last attempt failed");
}

}  // namespace

bool Overview::needs_attention() const {
  return !broker_trouble.empty() || std::ranges::any_of(certificates, [](const CertificateView& view) {
    return !view.attention.empty();
  });
}

Overview overview_of(std::vector<CertificateStatus> certificates,
                     const std::optional<Result<StatusAnswer>>& broker, Seconds now) {
  Overview overview{.now = now};
  const StatusAnswer* answer = broker && *broker ? &**broker : nullptr;
  overview.asked_broker = answer != nullptr;
  if (answer != nullptr) overview.budgets = answer->budgets;
  if (broker && !*broker) overview.broker_trouble = broker->error().message;
  for (CertificateStatus& certificate : certificates) {
    CertificateView view{.config = certificate.config};
    if (!certificate.state) {
      view.trouble = certificate.state.error().message;
      view.attention.push_back(view.trouble);
      overview.certificates.push_back(std::move(view));
      continue;
    }
    view.state = std::move(*certificate.state);
    view.plan = plan_for(*view.config, view.state, now, Force::no);
    if (view.state.issued) view.renewal = renewal_of(*view.config, *view.state.issued);
    for (const auto& entry : view.config->installs)
      view.installs.push_back(install_view(view, entry, answer));
    if (answer != nullptr) view.services = service_views(view, *answer);
    say_what_comes_next(view, now);
    find_what_needs_attention(view, now);
    overview.certificates.push_back(std::move(view));
  }
  return overview;
}

std::string_view text_of(InstallCondition condition) {
  switch (condition) {
    case InstallCondition::installed:
      return "installed";
    case InstallCondition::missing:
      return "missing";
    case InstallCondition::altered:
      return "altered";
    case InstallCondition::unknown:
      break;
  }
  return "unknown";
}

std::string_view text_of(ServiceCondition condition) {
  return condition == ServiceCondition::loaded ? "loaded" : "stale";
}

}  // namespace certlatch
