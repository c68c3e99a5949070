// SPDX-License-Identifier: MIT
// Can the connections of an opening get through the ruleset in force? What drops them, chain by chain, and
// where a gate would help.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "policy/tool/firewall.h"
#include "protocol/result.h"

namespace certlatch {

enum class Keeper : std::uint8_t { broker, ufw, iptables_legacy };

/// A chain of the input hook that can drop an opening's connections.
struct ClosedChain {
  Gate place;
  std::string reason;              // "its policy is drop"
  Keeper keeper = Keeper::broker;  // who can put a gate there and keep it
  bool is_certain = false;         // it drops all of them
};

/// What drops them where no gate helps, or what an admin should know besides.
struct Obstacle {
  std::string sentence;
  std::string remedy;
  bool is_certain = false;  // the opening cannot work as long as it is there
  [[nodiscard]] std::string text() const { return sentence + ": " + remedy; }
};

struct Passage {
  std::vector<ClosedChain> closed;
  std::vector<Obstacle> obstacles;
  bool has_static_gate = false;  // a chain that would drop them holds the gate
  std::string led_by;            // the chain that leads the port elsewhere before the broker would; or empty
};

/// The gates that the entry has inserted are taken to be there.
[[nodiscard]] Passage passage_of(const OpeningEntry& entry, const Firewall& firewall);

/// Kind::conflict when an opening is in force, whose own gates would be taken for the admin's.
[[nodiscard]] Result<void> check_none_is_open(const Firewall& firewall);

/// Where an admin puts the line of a static gate, and the line.
struct StaticGate {
  std::string place;  // "in inet filter input, before it drops"
  std::string line;
};
[[nodiscard]] StaticGate static_gate_for(const OpeningEntry& entry, const ClosedChain& chain);

}  // namespace certlatch
