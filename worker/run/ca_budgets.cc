// SPDX-License-Identifier: MIT
#include "worker/run/ca_budgets.h"

#include <fmt/format.h>

namespace certlatch {

bool CaBudgets::counts(const std::string& ca) const {
  constexpr CaLimits kNone{0, 0, 0};
  const CaConfig* config = run_.config.ca(ca);
  return run_.trial == Trial::no && config != nullptr && config->limits != kNone;
}

CaHistory& CaBudgets::history(const std::string& ca) {
  const auto found = histories_.find(ca);
  return found != histories_.end() ? found->second : histories_[ca] = run_.store.ca_history(ca);
}

void CaBudgets::save(const std::string& ca) {
  auto& kept = history(ca);
  kept.forget_before(run_.now());
  if (auto saved = run_.store.save_ca_history(ca, kept); !saved) {
    run_.report.problem(saved.error().message);
    run_.outcome.note(Trouble::other);
  }
}

Result<void> CaBudgets::allow(const Work& work, const std::string& ca) {
  if (!counts(ca)) return {};
  const auto& issued = work.state.issued;
  const bool is_renewal = issued && issued->ca == ca && issued->suggested && !issued->renewal_id.empty();
  const auto refusal =
      refusal_of(history(ca), run_.config.ca(ca)->limits, work.config->names, is_renewal, run_.now());
  if (!refusal) return {};
  return fail(Error::refused(fmt::format("[ca {}] was not asked: {}", ca, *refusal)));
}

void CaBudgets::note_order(const std::string& ca) {
  if (!counts(ca)) return;
  history(ca).orders.push_back(run_.now());
  save(ca);
}

void CaBudgets::note_issued(const std::string& ca, const std::vector<std::string>& names) {
  if (!counts(ca)) return;
  history(ca).issued.push_back({run_.now(), digest_of_names(names)});
  save(ca);
}

void CaBudgets::note_failures(const std::string& ca, const std::vector<std::string>& names) {
  if (!counts(ca) || names.empty()) return;
  for (const auto& name : names) history(ca).failed.push_back({run_.now(), name});
  save(ca);
}

}  // namespace certlatch
