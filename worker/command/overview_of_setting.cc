// SPDX-License-Identifier: MIT
#include "worker/command/overview_of_setting.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "worker/role/peers.h"
#include "worker/run/broker_client.h"
#include "worker/show/status.h"

namespace certlatch {

Result<StatusAnswer> ask_broker(const Setting& setting, const std::vector<std::string>& installs) {
  ProcessPeers peers("/proc/self/exe", setting.socket);
  Console console(Verbosity::quiet);
  const StopSignal never;
  auto channel = peers.connect_broker();
  if (!channel) return fail(channel.error());
  auto broker = BrokerClient::greet(std::move(*channel), never, console);
  if (!broker) return fail(broker.error());
  return broker->status(installs);
}

Overview overview_of(const Config& config, const Store& store,
                     const std::optional<Result<StatusAnswer>>& broker,
                     const std::vector<std::string>& names) {
  std::vector<CertificateStatus> certificates;
  for (const auto& certificate : config.certificates) {
    const bool is_named = std::ranges::find(names, certificate.name) != names.end();
    if (names.empty() || is_named) certificates.push_back({&certificate, store.load(certificate.name)});
  }
  auto overview = overview_of(std::move(certificates), broker, now());
  if (names.empty()) overview.removed = removed_certificates(config, store);
  return overview;
}

void write_metrics(const Config& config, const Store& store) {
  if (config.metrics.empty()) return;
  const auto text = metrics_text(overview_of(config, store, std::nullopt, {}), store.statistics());
  // Whoever collects the file must never see half of it.
  const auto aside = config.metrics + ".new";
  std::FILE* file = std::fopen(aside.c_str(), "we");
  bool is_written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file != nullptr) is_written = ::fchmod(::fileno(file), 0644) == 0 && is_written;
  if (file != nullptr) is_written = std::fclose(file) == 0 && is_written;
  if (!is_written || std::rename(aside.c_str(), config.metrics.c_str()) != 0)
    complain(kFailed, Error::system(fmt::format("the metrics {}", config.metrics)).message);
}

}  // namespace certlatch
