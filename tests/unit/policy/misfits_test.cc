// SPDX-License-Identifier: MIT
// What `certlatch-policy check --ruleset` says of an opening, in a ruleset that the kernel holds in a network
// of its own.
#include "policy/tool/misfits.h"

#include <fmt/format.h>

#include "policy/tool/rules.h"
#include "tests/unit/policy/own_network.h"
#include "tests/unit/policy/policy_text.h"

using namespace certlatch;

namespace {

OpeningEntry entry_with(GateKind gate, std::vector<Gate> gates = {}) {
  OpeningEntry entry = sound().openings[0];
  entry.interfaces = {"wan0"};
  entry.gate = gate;
  entry.gates = std::move(gates);
  return entry;
}

/// "! SENTENCE -> REMEDY" of what is certain, with "?" of what is not; a line each.
std::string misfits(const OpeningEntry& entry, const std::string& ruleset) {
  return in_own_network([&]() -> std::string {
    if (const auto said = output_of(
            "ip link add wan0 type veth peer name wire && ip link set wan0 up && nft -f -", ruleset);
        !said.empty())
      return said;
    const auto firewall = Firewall::read();
    if (!firewall) return firewall.error().message;
    std::string text;
    for (const Misfit& it : misfits_of(entry, *firewall))
      text += fmt::format("{} {} -> {}\n", it.is_certain ? '!' : '?', it.sentence, it.remedy);
    return text;
  });
}

std::string input(const std::string& name, const std::string& rules, const std::string& policy = "drop") {
  return fmt::format(
      "table inet {0} {{\nchain in {{\ntype filter hook input priority 0; policy {1};\n{2}\n}}\n}}\n", name,
      policy, rules);
}

const Gate kFirst{Family::inet, "a", "in"}, kSecond{Family::inet, "b", "in"};

}  // namespace

TEST_CASE("an opening that the ruleset lets through has no misfit") {
  CHECK(misfits(entry_with(GateKind::none), "").empty());
  CHECK(misfits(entry_with(GateKind::none), input("a", "tcp dport 80 drop", "accept")).empty());
  CHECK(misfits(entry_with(GateKind::inserted, {kFirst}), input("a", "")).empty());
  CHECK(misfits(entry_with(GateKind::inserted, {kFirst, kSecond}), input("a", "") + input("b", "")).empty());
  const auto gate = gate_rule_text(entry_with(GateKind::is_static));
  CHECK(misfits(entry_with(GateKind::is_static), input("a", gate)).empty());
}

TEST_CASE("a chain that drops without a gate is named, with the gate") {
  CHECK(
      misfits(entry_with(GateKind::none), input("a", "")) ==
      "! inet a in drops what is led to port 8080 (its policy is drop), and the policy says `gate = none` -> "
      "write `gate = inet a in` in [open http]\n");
  CHECK(
      misfits(entry_with(GateKind::inserted, {kFirst}), input("a", "") + input("b", "drop", "accept")) ==
      "! inet b in drops what is led to port 8080 (its rule 1 (handle 2) drops), and no `gate` of the policy "
      "lets it through there -> write `gate = inet b in` in [open http], besides what is there\n");
  CHECK(misfits(entry_with(GateKind::inserted, {kFirst}),
                input("a", "") + input("b", "ip saddr 198.51.100.0/24 drop", "accept"))
            .starts_with("? inet b in may drop what is led to port 8080"));
}

TEST_CASE("a gate that does not exist is named") {
  const auto said = misfits(entry_with(GateKind::inserted, {kFirst, kSecond}), input("a", ""));
  CHECK(said.starts_with("! there can be no gate in inet b in: the ruleset in force has no such chain -> "));
  CHECK(said.find('\n') == said.size() - 1);
}

TEST_CASE("a gate in a chain that is jumped to counts where it stands before what drops") {
  const Gate lower{Family::inet, "a", "lower"};
  const auto rules = [](const std::string& before) {
    return "table inet a {\nchain lower {\n}\nchain in {\ntype filter hook input priority 0; policy drop;\n" +
           before + "\njump lower\n}\n}\n";
  };
  CHECK(misfits(entry_with(GateKind::inserted, {lower}), rules("tcp dport 22 accept")).empty());
  CHECK(misfits(entry_with(GateKind::inserted, {lower}), rules("meta l4proto tcp reject"))
            .starts_with("! inet a in drops"));
}

TEST_CASE("a static gate that is missing or comes too late is printed") {
  const auto entry = entry_with(GateKind::is_static);
  const auto gate = gate_rule_text(entry);
  const auto expected = ", and no gate stands before that -> in inet a in, before it drops: " + gate + "\n";
  CHECK(misfits(entry, input("a", "")).ends_with(expected));
  CHECK(misfits(entry, input("a", "meta l4proto tcp reject\n" + gate)).ends_with(expected));
}

TEST_CASE("of the loopback form only IPv4 matters") {
  auto entry = entry_with(GateKind::none);
  const std::string rules = input("a", "meta nfproto ipv6 drop", "accept");
  CHECK(misfits(entry, rules).starts_with("! "));
  entry.to_loopback = true;
  CHECK(misfits(entry, rules).empty());
}

TEST_CASE("what drops where no gate helps is told with what to do") {
  CHECK(misfits(
            entry_with(GateKind::none),
            "table inet t {\nchain c {\ntype filter hook prerouting priority raw;\ntcp dport 80 drop\n}\n}\n")
            .ends_with("and no gate helps -> accept `tcp dport 80` there\n"));
}
