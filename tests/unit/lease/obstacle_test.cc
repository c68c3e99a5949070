// SPDX-License-Identifier: MIT
// What stands in an opening's way: each refused with a sentence, and with the ruleset untouched.
#include "tests/unit/lease/lab.h"

namespace certlatch {
namespace {

TEST_CASE("a chain or table that a gate names and that does not exist is named") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const std::string before = Lab::ruleset();
  OpeningEntry entry = http_entry();
  entry.gates.push_back({Family::inet, "filter", "nosuch"});
  const auto leases = prepared(lab, {entry});
  CHECK(refused(*leases, entry, 14) ==
        "chain `nosuch` in table inet filter does not exist: `certlatch-policy suggest` names those that do");
  entry.gates.back() = {Family::ip6, "nowhere", "input"};
  CHECK(refused(*leases, entry, 14) ==
        "table ip6 nowhere does not exist: `certlatch-policy suggest` names those that do");
  CHECK(leases->status().empty());
  CHECK(Lab::ruleset() == before);
  entry.gates.pop_back();
  opened(*leases, entry);
  CHECK(lab.reaches(kHost4, 80));
}

TEST_CASE(
    "a program that listens on the port already is named by its address, unless the port may be shared") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto leases = prepared(lab, {http_entry()});
  for (const char* address : {"127.0.0.1", kHost4, "::1", "::"}) {
    const UniqueFd other = Lab::listen(address, 80);
    CHECK(refused(*leases, http_entry(), 11) ==
          fmt::format(
              "port 80 is in use, by a program that listens on {}: stop it, or say `share = yes` to take "
              "its new connections while the lease lasts",
              address));
  }
  const UniqueFd other = Lab::listen("::", 80);
  OpeningEntry entry = http_entry();
  entry.share = true;
  opened(*leases, entry);
  const Flow flow = lab.flow(kHost4, 80, responder);
  CHECK(flow.is_alive(std::chrono::seconds(1)));
}

TEST_CASE("a NAT rule on the port is found however it is written") {
  const Lab lab;
  const UniqueFd responder = Lab::listen("::", 8080);
  OpeningEntry entry = http_entry();
  entry.gate = GateKind::none;
  entry.gates.clear();
  const auto leases = prepared(lab, {entry});
  const auto answer_with = [&](const std::string& rules) {
    Lab::load("flush ruleset\n" + rules);
    const auto answer = leases->open(entry, 0);
    if (const auto* now_open = std::get_if<Opened>(&answer)) {
      closed(*leases, now_open->lease);
      return std::string("opened");
    }
    return std::get<Refused>(answer).sentence;
  };
  const auto answer_to = [&](const std::string& rule) {
    return answer_with(base_chain("ip nat pre", "nat hook prerouting priority -100", rule));
  };
  CHECK(answer_to("tcp dport 80 dnat to 10.0.0.1") ==
        "a NAT rule in chain ip nat pre leads port 80 elsewhere already: remove it, or say `share = yes` to "
        "take its "
        "new connections while the lease lasts");
  for (const std::string rule :
       {"tcp dport 80 counter redirect to :3000", "tcp dport { 22, 80 } redirect to :3000",
        "tcp dport { 70-90, 443 } redirect to :3000", "tcp dport 79-81 redirect to :3000",
        "tcp dport != 22 redirect to :3000", "dnat to tcp dport map { 80 : 10.0.0.1, 443 : 10.0.0.2 }"}) {
    CAPTURE(rule);
    CHECK(answer_to(rule).starts_with("a NAT rule in chain ip nat pre"));
  }
  for (const std::string rule : {"tcp dport 81 redirect to :3000", "tcp dport { 22, 81 } redirect to :3000",
                                 "tcp dport { 22, 81-90 } redirect to :3000", "tcp dport 80 counter accept",
                                 "tcp sport 80 redirect to :3000", "tcp dport != 80 redirect to :3000"}) {
    CAPTURE(rule);
    CHECK(answer_to(rule) == "opened");
  }
  CHECK(answer_with("table inet docker {\nchain published {\ntcp dport 80 dnat ip to 10.0.0.1:80\n}\n}\n" +
                    base_chain("inet docker pre", "nat hook prerouting priority -100", "jump published"))
            .starts_with("a NAT rule in chain inet docker published"));
  CHECK(answer_with(
            base_chain("ip t pre", "filter hook prerouting priority -150", "tcp dport 80 tproxy to :3000"))
            .starts_with("a NAT rule in chain ip t pre"));
  CHECK(answer_with(base_chain("ip nat pre", "nat hook prerouting priority -100") +
                    base_chain("ip nat out", "nat hook output priority -100",
                               "tcp dport 80 redirect to :3128")) == "opened");
}

TEST_CASE("a second broker neither starts nor undoes anything while the first holds an opening") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto early = prepared(lab, {http_entry()});
  const auto first = prepared(lab, {http_entry()});
  const std::uint64_t lease = opened(*first, http_entry());
  Policy policy;
  policy.openings = {http_entry()};
  const auto second = Leases::prepare(policy, lab.run_directory());
  REQUIRE(!second.has_value());
  CHECK(second.error().message ==
        "another process, probably another certlatchd, holds table inet certlatch: stop it and try again");
  CHECK(refused(*early, http_entry(), 10).starts_with("another process, probably another certlatchd"));
  CHECK(lab.reaches(kHost4, 80));
  closed(*first, lease);
  opened(*early, http_entry());
}

TEST_CASE("a table that a saved ruleset brought back is replaced") {
  const Lab lab;
  Lab::load(std::string(kFirewall) +
            base_chain("inet certlatch lease_nat", "nat hook prerouting priority -101"));
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto leases = prepared(lab, {http_entry()});
  CHECK(Lab::ruleset().find("inet certlatch") == std::string::npos);
  Lab::load(base_chain("inet certlatch input", "filter hook input priority 0", "accept"));
  opened(*leases, http_entry());
  CHECK(lab.reaches(kHost4, 80));
  CHECK(lab.reach(kHost4, 22) == Reach::nothing);
}

}  // namespace
}  // namespace certlatch
