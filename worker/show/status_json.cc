// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "worker/show/status.h"

namespace certlatch {
namespace {

using nlohmann::json;

json issued_json(const CertificateView& view) {
  const auto& issued = view.state.issued;
  if (!issued) return nullptr;
  return {{"names", issued->names},         {"ca", issued->ca},
          {"at", issued->issued},           {"not_before", issued->not_before},
          {"not_after", issued->not_after}, {"renewal", view.renewal},
          {"installed", issued->installed}, {"services_pending", issued->services_pending}};
}

/// The steps that went wrong the last time they were tried.
json failing_json(const CertificateState& state) {
  json list = json::array();
  for (const Step& step : kSteps) {
    const Failures& failures = state.*step.failures;
    if (failures.count > 0)
      list.push_back({{"step", step.name},
                      {"failures", failures.count},
                      {"last", failures.last},
                      {"error", failures.reason}});
  }
  return list;
}

json certificate_json(const CertificateView& view, const Overview& overview) {
  json entry = {{"certificate", view.config->name},
                {"names", view.config->names},
                {"ca", fmt::format("{}", fmt::join(view.config->cas, " "))}};
  entry["attention"] = view.attention;
  if (!view.trouble.empty()) {
    entry["error"] = view.trouble;
    return entry;
  }
  const Plan& plan = view.plan;
  entry["issued"] = issued_json(view);
  entry["install"] = view.config->installs;
  entry["due"] = plan.issue != IssueReason::none;
  entry["reason"] = text_of(plan.issue);
  entry["next_attempt"] =
      plan.issue == IssueReason::none ? json(nullptr) : json(std::max(plan.not_before, overview.now));
  entry["next"] = {{"action", view.next}, {"at", view.next_at ? json(*view.next_at) : json(nullptr)}};
  entry["deployment_pending"] = !plan.is_deployed();
  json installs = json::array(), services = json::array();
  for (const InstallView& install : view.installs)
    installs.push_back({{"entry", install.entry},
                        {"condition", text_of(install.condition)},
                        {"version", install.version == 0 ? json(nullptr) : json(install.version)}});
  for (const ServiceView& service : view.services)
    services.push_back({{"service", service.service}, {"condition", text_of(service.condition)}});
  entry["installs"] = std::move(installs);
  entry["services"] = overview.asked_broker ? std::move(services) : json(nullptr);
  entry["broker_error"] = overview.broker_trouble;
  entry["failures"] = view.state.failures.count;
  entry["deployment_failures"] =
      view.state.deployment.count + view.state.verification.count + view.state.hook.count;
  entry["failing"] = failing_json(view.state);
  entry["last_error"] = view.state.last_error;
  entry["last_problem"] = view.state.last_problem == 0 ? json(nullptr) : json(view.state.last_problem);
  return entry;
}

}  // namespace

std::string status_json(const Overview& overview) {
  json list = json::array();
  for (const CertificateView& view : overview.certificates) list.push_back(certificate_json(view, overview));
  // What came from a CA or a command may be no UTF-8: shown with replacement characters, never thrown at the
  // user.
  return list.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace certlatch
