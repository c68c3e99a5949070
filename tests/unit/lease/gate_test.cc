// SPDX-License-Identifier: MIT
// The one rule that goes into a chain of the admin's.
#include <poll.h>

#include "tests/unit/lease/lab.h"

namespace certlatch {
namespace {

using std::chrono::milliseconds;

std::vector<std::string> log_of(Leases& leases) {
  pollfd wait{leases.descriptors().front(), POLLIN, 0};
  CHECK(::poll(&wait, 1, 2000) == 1);
  return leases.tidy_up();
}

TEST_CASE("a gate that a reload took away is put back for the rest of the lease") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto leases = prepared(lab, {http_entry()});
  const std::uint64_t lease = opened(*leases, http_entry());
  CHECK(leases->tidy_up().empty());  // what we did ourselves is no news

  Lab::load("flush ruleset\n" + std::string(kFirewall));
  CHECK(lab.reach(kHost4, 80) == Reach::nothing);
  const std::vector<std::string> log = log_of(*leases);
  REQUIRE(log.size() == 1);
  CHECK(log.front().starts_with("gate in inet filter input was removed by nft (pid "));
  CHECK(log.front().ends_with(") and put back"));
  CHECK(lab.reaches(kHost4, 80));
  CHECK(leases->tidy_up().empty());

  closed(*leases, lease);
  CHECK(lab.reach(kHost4, 80) == Reach::nothing);
  CHECK(Lab::ruleset().find("certlatch") == std::string::npos);
}

TEST_CASE("a gate whose chain is gone is told of once, and put back when the chain returns") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto leases = prepared(lab, {http_entry()});
  const std::uint64_t lease = opened(*leases, http_entry());
  Lab::run("nft flush ruleset");
  const std::vector<std::string> log = log_of(*leases);
  REQUIRE(log.size() == 1);
  CHECK(
      log.front().ends_with("and could not be put back: table inet filter does not exist: `certlatch-policy "
                            "suggest` names those that do"));
  Lab::load("table ip unrelated {}");
  CHECK(log_of(*leases).empty());
  Lab::load(kFirewall);
  CHECK(log_of(*leases).size() == 1);
  CHECK(lab.reaches(kHost4, 80));
  closed(*leases, lease);
  CHECK(lab.reach(kHost4, 80) == Reach::nothing);
}

TEST_CASE("changes elsewhere are no reason to touch the gate") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto leases = prepared(lab, {http_entry()});
  opened(*leases, http_entry());
  const std::string during = Lab::ruleset();
  Lab::load("add rule inet filter input tcp dport 22 accept");
  CHECK(log_of(*leases).empty());
  Lab::run(
      "nft delete rule inet filter input handle $(nft -a list ruleset | sed -n 's/.*dport 22 accept # handle "
      "//p')");
  CHECK(Lab::ruleset() == during);
}

TEST_CASE("closing after a reload removes no rule of the admin's, though it bears the gate's handle") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto leases = prepared(lab, {http_entry()});
  const std::uint64_t lease = opened(*leases, http_entry());
  std::string reload = "flush ruleset\n" + std::string(kFirewall);
  for (int port = 1000; port < 1010; ++port)
    reload += fmt::format("add rule inet filter input tcp dport {} accept\n", port);
  Lab::load(reload);
  closed(*leases, lease);
  const std::string after = Lab::ruleset();
  for (int port = 1000; port < 1010; ++port)
    CHECK(after.find(fmt::format("tcp dport {} accept", port)) != std::string::npos);
  CHECK(after.find("certlatch") == std::string::npos);
}

TEST_CASE("recovery removes exactly the gates, and no rule that merely resembles one") {
  const Lab lab;
  Lab::load(std::string(kFirewall) + R"(
add rule inet filter input tcp dport 8080 accept comment "certlatch"
add rule inet filter input meta mark 0xac3e0050 accept comment "certlatch"
add rule inet filter input tcp dport 8080 meta mark 0xac3e0051 accept comment "certlatch"
add rule inet filter input tcp dport 8081 meta mark 0xac3e0050 accept comment "certlatch"
add rule inet filter input udp dport 8080 meta mark 0xac3e0050 accept comment "certlatch"
add rule inet filter input tcp dport 8080 meta mark 0xac3e0050 drop comment "certlatch"
add rule inet filter input tcp dport 8080 meta mark 0xac3e0050 iifname "eth1" accept comment "certlatch"
add rule inet filter input tcp dport 8080 meta mark 0xac3e0050 accept comment "mine"
add chain inet filter elsewhere
add rule inet filter elsewhere tcp dport 8080 meta mark 0xac3e0050 accept comment "certlatch"
)");
  const std::string before = Lab::ruleset();
  for (const char* gate :
       {R"(accept comment "certlatch")", "accept", R"(counter accept comment "certlatch")"})
    Lab::load(fmt::format("insert rule inet filter input tcp dport 8080 meta mark 0xac3e0050 {}", gate));
  CHECK(Lab::ruleset() != before);
  const auto leases = prepared(lab, {http_entry()});
  CHECK(Lab::ruleset() == before);
}

TEST_CASE("iptables-save stays clean during a lease, and a ruleset saved then opens nothing") {
  const Lab lab;
  Lab::run("iptables-nft -P INPUT DROP; iptables-nft -A INPUT -p tcp --dport 22 -j ACCEPT");
  const UniqueFd responder = Lab::listen("::", 8080);
  OpeningEntry entry = http_entry();
  entry.gates = {{Family::ip, "filter", "INPUT"}};
  const std::string rules = "iptables-nft-save | grep -v '^[#:]'";
  const std::string before = Lab::run(rules);
  Victim holder([&] {
    static std::unique_ptr<Leases> leases = prepared(lab, {entry});
    opened(*leases, entry);
    return true;
  });
  REQUIRE(holder.is_ready());
  CHECK(lab.reaches(kHost4, 80));
  const std::string during = Lab::run(rules);
  CHECK(during.find("-p tcp -m tcp --dport 8080 -m mark --mark 0xac3e0050") != std::string::npos);
  Lab::run("iptables-nft-save | iptables-nft-restore");
  CHECK(Lab::run(rules) == during);
  CHECK(lab.reaches(kHost4, 80));
  CHECK(lab.reach(kHost4, 8080) == Reach::nothing);
  holder.kill();
  CHECK(becomes([&] { return lab.reach(kHost4, 80, milliseconds(30)) != Reach::connected; }));
  const auto leases = prepared(lab, {entry});
  CHECK(Lab::run(rules) == before);
}

}  // namespace
}  // namespace certlatch
