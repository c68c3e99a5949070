// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "worker/show/status.h"

namespace certlatch {
namespace {

std::string escaped(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted;
}

class Exposition {
 public:
  void heading(std::string_view name, std::string_view help, std::string_view type) {
    text_ += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  }
  void total(std::string_view name, std::string_view help, auto value) {
    heading(name, help, "counter");
    text_ += fmt::format("{} {}\n", name, value);
  }
  /// One line for each certificate that `value` has something to say of.
  void each(const Overview& overview, std::string_view name, std::string_view help,
            const std::function<std::optional<Seconds>(const CertificateView&)>& value) {
    heading(name, help, "gauge");
    for (const CertificateView& view : overview.certificates)
      if (const auto number = value(view))
        text_ += fmt::format("{}{{certificate=\"{}\"}} {}\n", name, escaped(view.config->name), *number);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }
  void gauge(std::string_view name, std::string_view help, auto value) {
    heading(name, help, "gauge");
    text_ += fmt::format("{} {}\n", name, value);
  }

 private:
  std::string text_;
};

}  // namespace

std::string metrics_text(const Overview& overview, const Statistics& statistics) {
  using View = const CertificateView&;
  const auto time = [](Seconds seconds) { return seconds == 0 ? std::nullopt : std::optional(seconds); };
  Exposition all;
  all.each(overview, "certlatch_certificate_not_after_seconds", "When the certificate expires.",
           [](View view) {
             return view.state.issued ? std::optional(view.state.issued->not_after) : std::nullopt;
           });
  all.each(overview, "certlatch_certificate_renewal_seconds", "From when on the certificate is renewed.",
           [&](View view) { return time(view.renewal); });
  all.each(
      overview, "certlatch_certificate_last_success_seconds", "When the CA last issued the certificate.",
      [](View view) { return view.state.issued ? std::optional(view.state.issued->issued) : std::nullopt; });
  all.each(overview, "certlatch_certificate_last_failure_seconds", "When something last went wrong with it.",
           [&](View view) { return time(view.state.last_problem); });
  all.each(overview, "certlatch_certificate_failures", "Attempts in a row that got no certificate.",
           [](View view) { return std::optional<Seconds>(view.state.failures.count); });
  all.each(overview, "certlatch_certificate_deployment_pending",
           "1 when it is not installed, loaded or served everywhere yet.", [](View view) {
             return std::optional<Seconds>(view.state.issued && !view.plan.is_deployed() ? 1 : 0);
           });
  all.each(overview, "certlatch_certificate_attention", "1 when a person should look at it.",
           [](View view) { return std::optional<Seconds>(view.attention.empty() ? 0 : 1); });
  const auto pending = std::ranges::count_if(
      overview.certificates, [](View view) { return view.state.issued && !view.plan.is_deployed(); });
  all.gauge("certlatch_deployments_pending", "Certificates that are not deployed everywhere yet.", pending);
  all.total("certlatch_openings_total", "How often a port was opened.", statistics.openings);
  all.total("certlatch_open_seconds_total", "For how long ports were open.",
            fmt::format("{:.3f}", static_cast<double>(statistics.open_milliseconds) / 1000));
  all.total("certlatch_installs_total", "Pairs that were installed.", statistics.installs);
  all.total("certlatch_restarts_total", "Services that were restarted.", statistics.restarts);
  all.gauge("certlatch_last_run_seconds", "When the last run that had something to do ended.", overview.now);
  return all.take();
}

}  // namespace certlatch
