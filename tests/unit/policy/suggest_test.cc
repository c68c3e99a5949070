// SPDX-License-Identifier: MIT
// What `certlatch-policy suggest` says of a ruleset, each given to the kernel in a network of its own.
// tests/lab/ opens with it.
#include "policy/tool/suggest.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "policy/tool/rules.h"
#include "tests/unit/policy/own_network.h"
#include "tests/unit/policy/policy_text.h"

using namespace certlatch;

namespace {

constexpr char kNetwork[] =
    "ip link set lo up && ip link add wan0 type veth peer name wire && ip link set wan0 up && "
    "ip link set wire up && ip address add 192.0.2.2/24 dev wan0 && ip link add lan0 type veth peer name "
    "cable && "
    "ip link set lan0 up && ip route add default via 192.0.2.1";

/// What `tell` says of the suggestion for the ruleset that `commands` leave behind.
std::string suggested(const std::string& commands, const std::string& input,
                      const std::function<std::string(const Suggestion&)>& tell) {
  return in_own_network([&]() -> std::string {
    if (const auto said = output_of(std::string(kNetwork) + " && " + commands, input); !said.empty())
      return said;
    const auto firewall = Firewall::read();
    if (!firewall) return firewall.error().message;
    const auto suggestion = suggest(*firewall);
    return suggestion ? tell(*suggestion) : suggestion.error().message;
  });
}

/// "inet filter input: its policy is drop", a line each; or `none`, `static`.
std::string gates(const Suggestion& it) {
  if (it.closed.empty()) return it.entry.gate == GateKind::none ? "none" : "static";
  std::string text;
  for (const ClosedChain& chain : it.closed) text += chain.place.text() + ": " + chain.reason + "\n";
  return text;
}

/// Of a ruleset with this input chain.
std::string gates_of_input(const std::string& rules, const std::string& policy = "accept",
                           const std::string& more = {}) {
  return suggested("nft -f -",
                   "table inet t {\n" + more + "\nchain in {\ntype filter hook input priority 0; policy " +
                       policy + ";\n" + rules + "\n}\n}\n",
                   gates);
}

/// Of a ruleset with this base chain.
std::string obstacles_of(const std::string& head, const std::string& rules,
                         const std::string& family = "inet") {
  return suggested("nft -f -",
                   "table " + family + " t {\nchain c {\ntype " + head + ";\n" + rules + "\n}\n}\n",
                   [](const Suggestion& it) {
                     std::string text;
                     for (const Obstacle& obstacle : it.obstacles)
                       text += (obstacle.is_certain ? "! " : "? ") + obstacle.text() + "\n";
                     return text;
                   });
}

}  // namespace

TEST_CASE("an input chain is named when it can drop what is led to the high port") {
  CHECK(gates_of_input("", "drop") == "inet t in: its policy is drop\n");
  CHECK(gates_of_input("tcp dport 22 accept", "drop") == "inet t in: its policy is drop\n");
  CHECK(gates_of_input("reject") == "inet t in: its rule 1 (handle 2) drops\n");
  CHECK(gates_of_input("tcp dport != 22 drop comment \"not ssh\"") ==
        "inet t in: its rule 1 (handle 2, \"not ssh\") drops\n");
  CHECK(gates_of_input("ip saddr 198.51.100.0/24 drop") ==
        "inet t in: its rule 1 (handle 2) may drop over IPv4\n");
  CHECK(gates_of_input("ct state new limit rate over 5/second drop").contains("may drop"));
  CHECK(gates_of_input("tcp dport { 22, 8080 } drop").contains("drops"));
  CHECK(gates_of_input("iifname vmap { \"wan0\" : jump wan }", "accept", "chain wan {\nct state new drop\n}")
            .contains("rule 1 of its chain wan"));
  CHECK(gates_of_input("ip saddr vmap { 198.51.100.1 : drop }").contains("may drop"));
  CHECK(gates_of_input("tcp dport vmap { 22 : accept, * : drop }").contains("drops"));
  CHECK(gates_of_input("goto more\ndrop", "drop", "chain more {\nudp dport 53 accept\n}").contains("policy"));
  CHECK(gates_of_input("jump more\ndrop", "accept", "chain more {\nip ttl 1 return\naccept\n}")
            .contains("rule 2"));
}

TEST_CASE("a chain that is not in use is no obstacle") {
  CHECK(suggested("nft -f -",
                  "table inet t {\nflags dormant\nchain in {\ntype filter hook input priority 0; policy "
                  "drop;\n}\n}\n",
                  gates) == "none");
  CHECK(suggested("nft -f -", "table inet t {\nchain unused {\ndrop\n}\n}\n", gates) == "none");
}

TEST_CASE("ports that are in use: another high port, and a shared opening") {
  const std::string section = suggested("true", "", [](const Suggestion&) -> std::string {
    for (const char* port : {"80", "8080", "8081"}) {
      sockaddr_in6 address{.sin6_family = AF_INET6,
                           .sin6_port = htons(static_cast<std::uint16_t>(atoi(port)))};
      const int fd = socket(AF_INET6, SOCK_STREAM, 0);
      if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(fd, 1) != 0)
        return "cannot listen";
    }
    return section_text(suggest(Firewall::read().value()).value());
  });
  CHECK(section.contains("to        = :8082\n"));
  CHECK(section.contains("share     = yes                  # a program listens on port 80\n"));
}

TEST_CASE("an input chain that drops only other packets needs no gate") {
  for (const std::string rules : {"tcp dport 80 drop",
                                  "tcp dport 0-1023 drop",
                                  "tcp dport { 1-8079, 8081-65535 } drop",
                                  "meta l4proto { udp, icmp } drop",
                                  "ct state invalid drop",
                                  "ct state established,related drop",
                                  "ct state vmap { invalid : drop, established : accept }",
                                  "iifname \"lan*\" drop",
                                  "iif lo drop",
                                  "iifname { \"eth0\", \"lan0\" } drop",
                                  "iifname . tcp dport { \"wan0\" . 80 } drop",
                                  "ip frag-off & 0x1fff != 0 drop",
                                  "tcp flags & (fin | syn) == (fin | syn) drop",
                                  "exthdr frag exists drop",
                                  "fib saddr . iif oif missing drop",
                                  "fib daddr type != local drop",
                                  "meta mark 1-9 drop",
                                  "meta pkttype { broadcast, multicast } drop",
                                  "ct status dnat accept\ndrop",
                                  "tcp dport vmap { 22 : drop }",
                                  "accept\ndrop"}) {
    CAPTURE(rules);
    CHECK(gates_of_input(rules) == "none");
  }
}

TEST_CASE("a gate that the ruleset holds already is static, if it stands before what drops") {
  const std::string gate = gate_rule_text(sound().openings[0]);
  CHECK(gates_of_input(gate, "drop") == "static");
  CHECK(gates_of_input("jump gates\ntcp dport 22 accept", "drop", "chain gates {\n" + gate + "\n}") ==
        "static");
  CHECK(gates_of_input("meta l4proto tcp reject\n" + gate, "drop").contains("rule 1"));
}

TEST_CASE("what drops before or after the input chains is an obstacle") {
  CHECK(
      obstacles_of("filter hook prerouting priority raw", "tcp dport { 80, 81 } drop") ==
      "! inet t c drops what comes for port 80 before the input chains see it (its rule 1 (handle 3) drops), "
      "and no gate helps: accept `tcp dport 80` there\n");
  CHECK(obstacles_of("filter hook prerouting priority filter", "ct status dnat drop").starts_with("! "));
  CHECK(obstacles_of("filter hook prerouting priority raw", "tcp dport 80 notrack").starts_with("! "));
  CHECK(obstacles_of("filter hook prerouting priority raw", "ip saddr 198.51.100.1 drop").starts_with("? "));
  CHECK(obstacles_of("filter hook ingress device wan0 priority 0", "tcp dport 80 drop", "netdev")
            .starts_with("! "));
  CHECK(obstacles_of("filter hook output priority 0; policy drop", "tcp sport 22 accept")
            .contains("replies from port 8080"));
  CHECK(obstacles_of("filter hook output priority 0; policy drop", "ct state established accept") == "");
  CHECK(obstacles_of("filter hook ingress device lan0 priority 0", "drop", "netdev") == "");
  CHECK(obstacles_of("filter hook prerouting priority raw", "tcp dport 8080 drop") == "");
  CHECK(obstacles_of("filter hook prerouting priority filter", "tcp dport 80 drop") == "");
  CHECK(obstacles_of("filter hook prerouting priority -150", "ct state != { new, established } drop") == "");
  CHECK(obstacles_of("filter hook forward priority 0; policy drop", "") == "");
}

TEST_CASE("iptables: both families, and its own matches are understood") {
  const auto iptables = [](const std::string& rules) {
    std::string commands = "true";
    for (const char* program : {"iptables", "ip6tables"}) {
      std::string_view left = rules;
      while (!left.empty()) {
        const auto end = std::min(left.find('\n'), left.size());
        commands += fmt::format(" && {} {}", program, left.substr(0, end));
        left.remove_prefix(std::min(end + 1, left.size()));
      }
    }
    return suggested(commands, "", gates);
  };
  CHECK(iptables("-P INPUT DROP\n-A INPUT -p tcp -m multiport --dports 22,443 -j ACCEPT") ==
        "ip filter INPUT: its policy is drop\nip6 filter INPUT: its policy is drop\n");
  CHECK(iptables("-A INPUT -j REJECT").contains("ip6 filter INPUT: its rule 1"));
  for (const std::string rules :
       {"-A INPUT -m conntrack --ctstate INVALID -j DROP", "-A INPUT -m state --state INVALID -j DROP",
        "-A INPUT -p tcp -m multiport --dports 1:1023,9000 -j DROP",
        "-A INPUT -m conntrack --ctstate DNAT -j ACCEPT\n-A INPUT -j DROP",
        "-A INPUT -m addrtype ! --dst-type LOCAL -j DROP",
        "-A INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP",
        "-A INPUT -p tcp -m tcp --tcp-flags SYN,FIN SYN,FIN -j DROP", "-A INPUT -m mark --mark 4/4 -j DROP",
        "-A INPUT -p udp -j DROP", "-A INPUT -j LOG\n-A INPUT -i lan+ -j DROP",
        "-t raw -A PREROUTING -m rpfilter --invert -j DROP"}) {
    CAPTURE(rules);
    CHECK(iptables(rules) == "none");
  }
}

TEST_CASE("ufw's gate is static, in its own files, and any other chain's beside it") {
  const std::string section = suggested(
      "iptables -N ufw-before-input && iptables -P INPUT DROP && ip6tables -P INPUT DROP && nft -f -",
      "table inet t {\nchain in {\ntype filter hook input priority 5; policy drop;\n}\n}\n", section_text);
  CHECK(section.contains("/etc/ufw/before.rules, above its line COMMIT:\n#     -A ufw-before-input -p tcp"));
  CHECK(section.contains("ip6 filter INPUT, before it drops:\n#     ip6tables -I INPUT -p tcp"));
  CHECK(section.contains("inet t in, before it drops:\n#     tcp dport 8080 meta mark"));
  CHECK(section.contains("\ngate      = static\n"));
}

TEST_CASE("a section is part of a policy as it stands") {
  const std::string drop = "chain in {\ntype filter hook input priority 0; policy drop;\n}\n";
  for (const std::string& ruleset :
       {std::string(), "table inet t {\n" + drop + "}\n",
        "table inet t {\n" + drop + "}\ntable inet u {\n" + drop +
            "}\ntable ip nat {\nchain p {\n"
            "type nat hook prerouting priority 0\ntcp dport 80 dnat to 192.0.2.9\n}\n}\n",
        "table inet t {\nchain p {\ntype filter hook prerouting priority 0; policy drop;\n}\n" + drop +
            "}\n"}) {
    const std::string section = suggested("nft -f -", ruleset, section_text);
    CAPTURE(section);
    const auto policy = read_policy("[broker]\nworker = w\naudit = /a\n" + section, "p");
    REQUIRE(policy);
    CHECK(policy->openings[0].interfaces == std::vector<std::string>{"wan0"});
    CHECK(policy->openings[0].share == ruleset.contains("dnat"));
    CHECK(policy->openings[0].gates.size() == (ruleset.contains("table inet u") ? 2
                                               : ruleset.empty()                ? 0
                                                                                : 1));
  }
}

TEST_CASE("without a default route every interface that is up is proposed") {
  const std::string section = suggested("ip route delete default && ip link set wire down", "", section_text);
  CHECK(section.contains("interface = wan0"));
  CHECK(section.contains("interface = lan0"));
  CHECK(section.contains("there is no default route"));
}

TEST_CASE("only root may look") {
  CHECK(output_of("setpriv --reuid 65534 --clear-groups --bounding-set -all " CERTLATCH_POLICY_PROGRAM
                  " suggest")
            .contains("run `sudo certlatch-policy suggest`"));
}
