// SPDX-License-Identifier: MIT
// `certlatch-policy rules` prints what the broker makes: both are given to the kernel, each in a network of
// its own, and must read the same afterwards.
#include "policy/tool/rules.h"

#include "broker/netfilter/netfilter.h"
#include "tests/unit/policy/own_network.h"
#include "tests/unit/policy/policy_text.h"

using namespace certlatch;

namespace {

/// The ruleset as nft lists it, without what says who made it and when.
std::string listed_ruleset() {
  return output_of(
      "nft list ruleset | sed -E 's/ expires [0-9a-z]+//; s/ # progname.*//; /^\tflags owner$/,+1d'");
}

std::string as_text(const Policy& policy) {
  return in_own_network([&] {
    const std::string answer = output_of("nft -f -", rules_text(policy));
    return answer.empty() ? listed_ruleset() : answer;
  });
}

std::string as_the_broker_makes_it(const Policy& policy) {
  return in_own_network([&]() -> std::string {
    auto netfilter = Netfilter::open_kernel();
    if (!netfilter) return netfilter.error().message;
    for (OpeningEntry entry : policy.openings) {
      // The admin's chains are not here.
      entry.gate = GateKind::none;
      entry.gates.clear();
      if (auto done = (*netfilter)->open(entry, std::chrono::seconds(entry.at_most)); !done)
        return done.error().message;
    }
    return listed_ruleset();
  });
}

}  // namespace

TEST_CASE("the printed rules are those that the broker makes") {
  const std::string alpn =
      "[open tls_alpn]\nport = 443\nto = :8443\ninterface = eth1\ngate = none\nat most = 90s\nshare = yes\n";
  for (const std::string& text : {std::string(kSoundPolicy), with_line(6, "to = 127.0.0.1:8080"),
                                  with_line(7, "interface = eth0 eth1.20 wg-0\nmark = 7"), with_more(alpn),
                                  with_line(6, "to = 127.0.0.1:8080") + alpn}) {
    CAPTURE(text);
    const std::string printed = as_text(sound(text));
    CHECK(printed.contains("chain lease_cut"));
    CHECK(printed == as_the_broker_makes_it(sound(text)));
  }
}

TEST_CASE("nft accepts the printed rules, whatever the form of the opening") {
  const std::string alpn =
      "[open tls_alpn]\nport = 443\nto = :8443\ninterface = eth1 wg-0\ngate = static\nat most = 90s\n";
  for (const std::string& text :
       {std::string(kSoundPolicy), std::string("[broker]\nworker = w\naudit = /a\n"), with_more(alpn),
        with_line(8, "gate = none"), with_line(8, "gate = static"), with_line(6, "to = 127.0.0.1:8080"),
        with_line(6, "to = 127.0.0.1:8080", with_line(8, "gate = static") + alpn),
        with_line(8, "gate = ip filter INPUT, inet a-b c.d")}) {
    CAPTURE(text);
    CHECK(in_own_network([&] { return output_of("nft -c -f -", rules_text(sound(text))); }).empty());
  }
}

TEST_CASE("nft accepts the gate where the policy has it") {
  CHECK(in_own_network([] {
          return output_of(
              "nft -c -f -",
              "table inet filter { chain input { type filter hook input priority 0; policy drop;\n" +
                  gate_rule_text(sound().openings[0]) + "\n}\n}\n");
        }).empty());
}
