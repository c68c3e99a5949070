// SPDX-License-Identifier: MIT
// What this host may still ask of each CA (ca_history.h), for one run. A trial, at a staging directory,
// counts for nothing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "worker/run/work.h"

namespace certlatch {

class CaBudgets {
 public:
  explicit CaBudgets(Run& run) : run_(run) {}

  /// Kind::refused, with when it may be, when nothing may be asked for now.
  [[nodiscard]] Result<void> allow(const Work& work, const std::string& ca);
  // What happened, written down at once: a run may be killed.
  void note_order(const std::string& ca);
  void note_issued(const std::string& ca, const std::vector<std::string>& names);
  void note_failures(const std::string& ca, const std::vector<std::string>& names);

 private:
  [[nodiscard]] bool counts(const std::string& ca) const;
  CaHistory& history(const std::string& ca);
  void save(const std::string& ca);

  Run& run_;
  std::map<std::string, CaHistory> histories_;
};

}  // namespace certlatch
