// SPDX-License-Identifier: MIT
#include "policy/tool/rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace certlatch {
namespace {

std::string guard_chain(std::string_view name) {
  return fmt::format(
      "\tchain {} {{\n"
      "\t\ttype filter hook prerouting priority raw; policy accept;\n"
      "\t\tiifname != \"lo\" ip daddr 127.0.0.0/8 drop\n"
      "\t\tiifname != \"lo\" ip saddr 127.0.0.0/8 drop\n"
      "\t}}\n",
      name);
}

std::string lease_set(const OpeningEntry& entry) {
  return fmt::format(
      "\tset open_{0} {{\n"
      "\t\ttype inet_service\n"
      "\t\tsize 1\n"
      "\t\tflags timeout\n"
      "\t\ttimeout {1}s\n"
      "\t\telements = {{ {2} timeout {1}s }}\n"
      "\t}}\n",
      entry.name, entry.at_most, entry.port);
}

std::string nat_rules(const OpeningEntry& entry) {
  std::string rules;
  for (const std::string& interface : entry.interfaces) {
    rules += fmt::format(
        "\t\tiifname \"{}\" {}tcp dport @open_{} tcp flags syn / fin,syn,rst,ack fib daddr type local dnat "
        "{}:{}\n",
        interface, entry.to_loopback ? "meta nfproto ipv4 " : "", entry.name,
        entry.to_loopback ? "ip to 127.0.0.1" : "to ", entry.to_port);
  }
  return rules;
}

std::string mark_rules(const OpeningEntry& entry) {
  std::string rules;
  for (const std::string& interface : entry.interfaces) {
    rules += fmt::format(
        "\t\tiifname \"{}\" tcp dport {} ct status dnat ct original proto-dst @open_{} meta mark set "
        "{:#010x}\n",
        interface, entry.to_port, entry.name, entry.mark);
  }
  return rules;
}

std::string drop_rule(const OpeningEntry& entry, std::string_view which_port) {
  return fmt::format(
      "\t\ttcp {} {} ct status dnat ct original proto-dst {} ct original proto-dst != @open_{} drop\n",
      which_port, entry.to_port, entry.port, entry.name);
}
std::string cut_rule(const OpeningEntry& entry) { return drop_rule(entry, "dport"); }
std::string hush_rule(const OpeningEntry& entry) { return drop_rule(entry, "sport"); }

std::string chain(std::string_view name, std::string_view head, const Policy& policy,
                  std::string (*rules)(const OpeningEntry&)) {
  std::string text = fmt::format("\tchain {} {{\n\t\ttype {}; policy accept;\n", name, head);
  for (const OpeningEntry& entry : policy.openings) text += rules(entry);
  return text + "\t}\n";
}

}  // namespace

std::string gate_rule_text(const OpeningEntry& entry) {
  return fmt::format("tcp dport {} meta mark {:#010x} accept comment \"certlatch\"", entry.to_port,
                     entry.mark);
}

std::string rules_text(const Policy& policy) {
  if (policy.openings.empty()) return "# The policy opens nothing: the broker makes no rule.\n";
  const bool is_loopback = std::ranges::any_of(policy.openings, &OpeningEntry::to_loopback);
  std::string text =
      "# What is in force while every opening of the policy is open, each for its longest time. The table\n"
      "# belongs to the broker's socket (flag `owner`): the kernel deletes it when the broker dies.\n"
      "# lease_mark and lease_cut stand before the input chain of the lowest priority, which is here 0.\n"
      "table inet certlatch {\n";
  for (const OpeningEntry& entry : policy.openings) text += lease_set(entry);
  text += chain("lease_nat", "nat hook prerouting priority dstnat - 1", policy, nat_rules);
  text += chain("lease_mark", "filter hook input priority filter - 2", policy, mark_rules);
  text += chain("lease_cut", "filter hook input priority filter - 3", policy, cut_rule);
  text += chain("lease_hush", "filter hook output priority filter", policy, hush_rule);
  if (is_loopback) text += guard_chain("lease_guard");
  text += "}\n";
  if (is_loopback) {
    text +=
        "\n# Stands as long as route_localnet is set, even when the broker was killed.\ntable inet "
        "certlatch_guard {\n" +
        guard_chain("guard") + "}\n";
  }
  for (const OpeningEntry& entry : policy.openings) {
    if (entry.gate == GateKind::inserted)
      text += fmt::format("\n# The gate of [open {}], removed when it shuts:\n", entry.name);
    for (const Gate& gate : entry.gates)
      text += fmt::format("# insert rule {} {}\n", gate.text(), gate_rule_text(entry));
    if (entry.gate == GateKind::is_static) {
      text += fmt::format(
          "\n# The gate of [open {}] is in the admin's own ruleset: see `certlatch-policy gate`.\n",
          entry.name);
    }
  }
  return text;
}

}  // namespace certlatch
