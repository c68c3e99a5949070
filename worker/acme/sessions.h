// SPDX-License-Identifier: MIT
// The sessions with all CAs of a run, by their sections' names.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worker/acme/session.h"

namespace certlatch {

class Sessions {
 public:
  /// `http` and `signer` must outlive this.
  Sessions(const std::vector<CaSettings>& cas, HttpClient& http, Signer& signer,
           const Session::OnAccount& on_account, const Session::OnWait& on_wait = {}) {
    for (const auto& ca : cas)
      all_[ca.name] = std::make_unique<Session>(ca, http, signer, on_account, on_wait);
  }

  /// nullptr when there is none.
  [[nodiscard]] Session* find(const std::string& ca) const {
    const auto found = all_.find(ca);
    return found == all_.end() ? nullptr : found->second.get();
  }
  void run(Deadline now) const {
    for (const auto& [ca, session] : all_) session->run(now);
  }
  [[nodiscard]] std::optional<Deadline> wake() const {
    std::optional<Deadline> first;
    for (const auto& [ca, session] : all_)
      if (const auto wake = session->wake()) first = std::min(first.value_or(*wake), *wake);
    return first;
  }

 private:
  std::map<std::string, std::unique_ptr<Session>> all_;
};

}  // namespace certlatch
