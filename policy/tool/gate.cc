// SPDX-License-Identifier: MIT
#include "policy/tool/gate.h"

#include <fmt/format.h>

#include "policy/tool/rules.h"

namespace certlatch {
namespace {

std::string_view is_it_needed(GateKind gate) {
  switch (gate) {
    case GateKind::is_static:
      return "the policy says `static`: put the line into every input chain that can drop, before it drops";
    case GateKind::inserted:
      return "the broker inserts it for each lease; put it there yourself only with `gate = static`";
    case GateKind::none:
      break;
  }
  return "the policy says `none`: the line is needed only once an input chain drops";
}

std::string iptables_words(const OpeningEntry& entry) {
  return fmt::format("-p tcp --dport {} -m mark --mark {:#010x} -m comment --comment certlatch -j ACCEPT",
                     entry.to_port, entry.mark);
}

}  // namespace

std::string iptables_gate_text(const OpeningEntry& entry, Family family) {
  return fmt::format("{} -I INPUT {}", family == Family::ip6 ? "ip6tables" : "iptables",
                     iptables_words(entry));
}

std::string ufw_gate_text(const OpeningEntry& entry, Family family) {
  return fmt::format("-A {} {}", family == Family::ip6 ? "ufw6-before-input" : "ufw-before-input",
                     iptables_words(entry));
}

std::string gate_text(const Policy& policy) {
  std::string text;
  for (const OpeningEntry& entry : policy.openings) {
    const bool has_ipv6 = !entry.to_loopback;
    text += fmt::format("{}# [open {}], line {}: {}\n", text.empty() ? "" : "\n", entry.name, entry.line,
                        is_it_needed(entry.gate));
    text += fmt::format("# It does nothing without a lease: nothing else sets the mark.\n");
    text += fmt::format("\n# nftables, in the chain of the input hook in /etc/nftables.conf:\n{}\n",
                        gate_rule_text(entry));
    text += fmt::format("\n# iptables:\n{}\n", iptables_gate_text(entry, Family::ip));
    if (has_ipv6) text += iptables_gate_text(entry, Family::ip6) + "\n";
    text += fmt::format("\n# ufw, in /etc/ufw/before.rules above its line `COMMIT`, then `ufw reload`:\n{}\n",
                        ufw_gate_text(entry, Family::ip));
    if (has_ipv6)
      text += fmt::format("# and in /etc/ufw/before6.rules:\n{}\n", ufw_gate_text(entry, Family::ip6));
  }
  return text.empty() ? "# The policy opens nothing: no gate is needed.\n" : text;
}

}  // namespace certlatch
