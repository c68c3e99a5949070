// SPDX-License-Identifier: MIT
#include "policy/tool/misfits.h"

#include <fmt/format.h>

#include "policy/tool/passage.h"

namespace certlatch {
namespace {

Misfit misfit_of(const OpeningEntry& entry, const ClosedChain& chain) {
  const auto place = chain.place.text();
  const auto heading = fmt::format("[open {}]", entry.name);
  const bool is_legacy = chain.keeper == Keeper::iptables_legacy;
  Misfit misfit{.is_certain = chain.is_certain};
  misfit.sentence = fmt::format("{} {} what is led to port {} ({})", place,
                                chain.is_certain ? "drops" : "may drop", entry.to_port, chain.reason);
  if (entry.gate == GateKind::is_static || chain.keeper != Keeper::broker) {
    if (!is_legacy) misfit.sentence += ", and no gate stands before that";
    const auto [where, line] = static_gate_for(entry, chain);
    misfit.remedy = fmt::format("{}{}: {}", entry.gate == GateKind::is_static ? "" : "`gate = static`, and ",
                                where, line);
    return misfit;
  }
  misfit.sentence += entry.gate == GateKind::none ? ", and the policy says `gate = none`"
                                                  : ", and no `gate` of the policy lets it through there";
  misfit.remedy = fmt::format("write `gate = {}` in {}{}", place, heading,
                              entry.gate == GateKind::none ? "" : ", besides what is there");
  return misfit;
}

/// A gate that the broker could not put there.
Misfit unusable(const OpeningEntry& entry, const Gate& gate, std::string_view why) {
  return {
      fmt::format("there can be no gate in {}: {}", gate.text(), why),
      fmt::format("take it out of [open {}]; `sudo certlatch-policy suggest` proposes what fits", entry.name),
      true};
}

}  // namespace

std::vector<Misfit> misfits_of(const OpeningEntry& entry, const Firewall& firewall) {
  std::vector<Misfit> misfits;
  for (const Gate& gate : entry.gates) {
    const Chain* chain = firewall.find(static_cast<std::uint8_t>(gate.family), gate.table, gate.chain);
    const Table* table = chain != nullptr ? firewall.table_of(*chain) : nullptr;
    if (chain == nullptr)
      misfits.push_back(unusable(entry, gate, "the ruleset in force has no such chain"));
    else if (table != nullptr && table->has_owner)
      misfits.push_back(
          unusable(entry, gate, "its table belongs to a process that lets nobody else change it"));
  }
  auto passage = passage_of(entry, firewall);
  for (const ClosedChain& chain : passage.closed) misfits.push_back(misfit_of(entry, chain));
  for (Obstacle& obstacle : passage.obstacles)
    misfits.push_back({std::move(obstacle.sentence), std::move(obstacle.remedy), obstacle.is_certain});
  return misfits;
}

}  // namespace certlatch
