// SPDX-License-Identifier: MIT
#include "worker/plan/broker_status.h"

#include <algorithm>

namespace certlatch {

const InstallStatus* find_install(const StatusAnswer& status, std::string_view entry) {
  const auto found = std::ranges::find(status.installs, entry, &InstallStatus::entry);
  return found == status.installs.end() ? nullptr : &*found;
}

bool holds(const InstallStatus& install, const Digest& fingerprint) {
  return install.state == PairState::whole && install.fingerprint == fingerprint;
}

bool has_loaded(const StatusAnswer& status, std::string_view service, const InstallStatus& install) {
  const auto entry = std::ranges::find(status.services, service, &ServiceStatus::entry);
  if (entry == status.services.end()) return false;
  const auto pair = std::ranges::find(entry->loaded, install.entry, &LoadedPair::install);
  return pair != entry->loaded.end() && pair->fingerprint == install.fingerprint;
}

}  // namespace certlatch
