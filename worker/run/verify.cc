// SPDX-License-Identifier: MIT
#include "worker/run/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "worker/verify/messages.h"

namespace certlatch {
namespace {

// A server that reloads goes on serving the old certificate for a moment.
constexpr std::chrono::seconds kPatience{5};
// Beyond the patience: the connections and handshakes of the last try.
constexpr std::chrono::seconds kSlack{30};

bool is_name(const std::string& host) {
  return !host.contains(':') && host.find_first_not_of("0123456789.") != host.npos;
}

/// What to ask the server for: the host where that is a name of the certificate, or else its first name.
std::string server_name(const CertificateConfig& config, const Endpoint& endpoint) {
  if (is_name(endpoint.host) && std::ranges::find(config.names, endpoint.host) != config.names.end())
    return endpoint.host;
  const auto first = std::ranges::find_if(
      config.names, [](const std::string& name) { return is_name(name) && !name.starts_with('*'); });
  if (first != config.names.end()) return *first;
  return is_name(endpoint.host) ? endpoint.host : "";
}

}  // namespace

std::vector<ServedPlace> Verifier::look(const CertificateConfig& config, const std::string& chain,
                                        std::chrono::milliseconds patience) {
  std::vector<ServedPlace> places;
  for (const Endpoint& endpoint : config.verify) {
    if (!process_) {
      auto started = peers_.start_verify();
      if (!started) {
        places.push_back({endpoint.text, started.error().message});
        continue;
      }
      process_.emplace(std::move(*started));
    }
    const CompareServed order{endpoint.host,
                              endpoint.port,
                              endpoint.greeting,
                              server_name(config, endpoint),
                              chain,
                              static_cast<std::uint32_t>(patience.count())};
    auto answer = process_->ask<VerifyAnswer>(VerifyOrder(order), in(patience + kSlack));
    if (!answer || !std::holds_alternative<Compared>(*answer)) {
      places.push_back({endpoint.text,
                        answer ? "the verify process: an answer to another order" : answer.error().message});
      process_.reset();
      continue;
    }
    const auto& compared = std::get<Compared>(*answer);
    places.push_back({endpoint.text, compared.is_same            ? ""
                                     : compared.sentence.empty() ? "another certificate is served"
                                                                 : compared.sentence});
  }
  return places;
}

void verify_deployed(Run& run) {
  Verifier verifier(run.peers);
  for (Work& work : run.work) {
    // What this run has deployed is due by now as well.
    const Plan plan = plan_for(*work.config, work.state, run.now(), run.force);
    if (!plan.verify.is_due(run.now()) || run.stop.is_requested()) continue;
    const auto chain = run.store.load_chain(work.config->name);
    if (!chain) {
      run.fail(work, Trouble::other, chain.error().message);
      continue;
    }
    run.report.step(work.config->name, "is compared with what is served");
    std::string troubles;
    for (const ServedPlace& place : verifier.look(*work.config, *chain, kPatience)) {
      if (place.trouble.empty())
        run.report.detail(fmt::format("{}: served at {}", work.config->name, place.place));
      else
        troubles += fmt::format("{}{}: {}", troubles.empty() ? "" : "; ", place.place, place.trouble);
    }
    run.report.step(work.config->name, "");
    work.state.issued->verify_pending = !troubles.empty();
    if (troubles.empty()) {
      work.state.succeed(&CertificateState::verification);
      run.save(work);
      continue;
    }
    const auto sentence = "it is installed, but not served: " + troubles;
    work.state.verification = {work.state.verification.count + 1, run.now(), sentence};
    run.fail(work, Trouble::deployment, sentence);
  }
}

}  // namespace certlatch
