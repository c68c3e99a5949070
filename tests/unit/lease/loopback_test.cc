// SPDX-License-Identifier: MIT
// The form `to = 127.0.0.1:8080`, on the real kernel: the toggle, its guard and its journal.
#include <fcntl.h>

#include <fstream>

#include "tests/unit/lease/lab.h"

namespace certlatch {
namespace {

using std::chrono::milliseconds;

/// Lets the client send packets for 127.0.0.1 over the cable, as a malicious neighbour would.
void become_hostile(const Lab& lab) {
  lab.as_client([] {
    Lab::run(
        "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet; ip address del 127.0.0.1/8 dev lo;"
        "ip route add 127.0.0.0/8 via 10.77.0.2 dev eth0 src 10.77.0.1; ip route del table local local "
        "127.0.0.0/8 || true;"
        "ip route del table local 127.0.0.1 || true");
  });
}

OpeningEntry ungated(OpeningEntry entry) {
  entry.gate = GateKind::none;
  entry.gates.clear();
  return entry;
}

TEST_CASE("a responder on 127.0.0.1 is reached while the lease lasts, and toggle and ruleset are as before") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("127.0.0.1", 8080);
  const std::string before = Lab::ruleset();
  const auto leases = prepared(lab, {loopback_entry()});
  CHECK(lab.reach(kHost4, 80) == Reach::nothing);
  const std::uint64_t lease = opened(*leases, loopback_entry());
  CHECK(Lab::setting() == "1\n");
  CHECK(std::filesystem::exists(lab.run_path() / "route_localnet"));
  CHECK(lab.reaches(kHost4, 80));
  CHECK(lab.reach(kHost6, 80) != Reach::connected);
  CHECK(lab.reach(kHost4, 8080) == Reach::nothing);
  const Flow flow = lab.flow(kHost4, 80, responder);
  CHECK(flow.is_alive(std::chrono::seconds(1)));

  closed(*leases, lease);
  CHECK(Lab::setting() == "0\n");
  CHECK(std::filesystem::is_empty(lab.run_path()));
  CHECK(lab.reach(kHost4, 80) == Reach::nothing);
  CHECK(!flow.is_alive(milliseconds(400)));
  CHECK(Lab::ruleset() == before);
}

TEST_CASE("no neighbour reaches a service on 127.0.0.1 through the opening") {
  const Lab lab;
  become_hostile(lab);
  const UniqueFd responder = Lab::listen("127.0.0.1", 8080);
  const UniqueFd database = Lab::listen("127.0.0.1", 6379);
  Lab::run("echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet");
  REQUIRE(lab.reaches("127.0.0.1", 6379));  // or the rest would prove nothing
  Lab::run("echo 0 > /proc/sys/net/ipv4/conf/eth0/route_localnet");
  const OpeningEntry entry = ungated(loopback_entry());
  Victim holder([&] {
    static std::unique_ptr<Leases> leases = prepared(lab, {entry});
    opened(*leases, entry);
    return true;
  });
  REQUIRE(holder.is_ready());
  CHECK(lab.reaches(kHost4, 80));
  CHECK(lab.reach("127.0.0.1", 6379) == Reach::nothing);
  CHECK(lab.reach("127.0.0.1", 8080) == Reach::nothing);

  SUBCASE("not even after the broker was killed") {
    holder.kill();
    CHECK(Lab::setting() == "1\n");
    CHECK(lab.reach("127.0.0.1", 6379) == Reach::nothing);
    const auto leases = prepared(lab, {entry});
    CHECK(Lab::setting() == "0\n");
    CHECK(std::filesystem::is_empty(lab.run_path()));
    CHECK(Lab::ruleset().empty());
  }
  SUBCASE("nor after a reload of the ruleset") {
    Lab::run("nft flush ruleset");
    CHECK(lab.reach("127.0.0.1", 6379) == Reach::nothing);
  }
}

TEST_CASE("a guard that a reload took away is put back") {
  const Lab lab;
  const UniqueFd responder = Lab::listen("127.0.0.1", 8080);
  const auto leases = prepared(lab, {ungated(loopback_entry())});
  const std::uint64_t lease = opened(*leases, ungated(loopback_entry()));
  const std::string during = Lab::ruleset();
  Lab::run("nft flush ruleset");
  const std::vector<std::string> log = leases->tidy_up();
  REQUIRE(log.size() == 1);
  CHECK(log.front().starts_with("the guard of route_localnet was removed by nft (pid "));
  CHECK(Lab::run("nft list table inet certlatch_guard").find("127.0.0.0/8 drop") != std::string::npos);
  closed(*leases, lease);
  CHECK(Lab::ruleset().empty());
}

TEST_CASE("a toggle that was set before stays set") {
  const Lab lab;
  const UniqueFd responder = Lab::listen("127.0.0.1", 8080);
  Lab::run("echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet");
  const auto leases = prepared(lab, {ungated(loopback_entry())});
  const std::uint64_t lease = opened(*leases, ungated(loopback_entry()));
  closed(*leases, lease);
  CHECK(Lab::setting() == "1\n");
}

TEST_CASE("an interface that is missing is named, and nothing is left set") {
  const Lab lab;
  const UniqueFd responder = Lab::listen("127.0.0.1", 8080);
  OpeningEntry entry = ungated(loopback_entry());
  entry.interfaces = {"eth0", "wan7"};
  const auto leases = prepared(lab, {entry});
  CHECK(refused(*leases, entry, 10) ==
        "interface wan7 did not exist when certlatchd started: restart it now that it does");
  CHECK(Lab::setting() == "0\n");
  CHECK(std::filesystem::is_empty(lab.run_path()));
  CHECK(Lab::ruleset().empty());

  Lab::run("ip link add wan8 type veth peer name wan9");
  entry.interfaces = {"eth0", "wan8"};
  const auto others = prepared(lab, {entry});
  Lab::run("ip link del wan8");
  CHECK(refused(*others, entry, 10) ==
        "interface wan8 went away after certlatchd had started: restart it when it is back");
  CHECK(Lab::setting() == "0\n");
  CHECK(Lab::ruleset().empty());
}

TEST_CASE("nothing is set when the journal cannot be written") {
  const Lab lab;
  const UniqueFd responder = Lab::listen("127.0.0.1", 8080);
  const auto leases = prepared(lab, {ungated(loopback_entry())});
  std::filesystem::remove(lab.run_path());
  const auto answer = leases->open(ungated(loopback_entry()), 0);
  REQUIRE(std::holds_alternative<Refused>(answer));
  CHECK(std::get<Refused>(answer).reason == RefusalReason::host);
  CHECK(Lab::setting() == "0\n");
  CHECK(Lab::ruleset().empty());
}

}  // namespace
}  // namespace certlatch
