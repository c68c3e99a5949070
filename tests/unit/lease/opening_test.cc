// SPDX-License-Identifier: MIT
// The form `to = :8080`, on the real kernel: when the port is open, and to whom.
#include <signal.h>

#include <thread>

#include "tests/unit/lease/lab.h"

namespace certlatch {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSoon{400};

OpeningEntry https_entry() {
  OpeningEntry entry = http_entry();
  entry.name = "tls";
  entry.port = 443;
  entry.to_port = 8443;
  return entry;
}

TEST_CASE("a port is open to IPv4 and IPv6 while its lease lasts, and the ruleset is as before afterwards") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const std::string before = Lab::ruleset();
  const auto leases = prepared(lab, {http_entry()});
  CHECK(lab.reach(kHost4, 80) == Reach::nothing);
  CHECK(lab.reach(kHost6, 80) == Reach::nothing);

  const std::uint64_t lease = opened(*leases, http_entry());
  CHECK(lab.reaches(kHost4, 80));
  CHECK(lab.reaches(kHost6, 80));
  CHECK(lab.reach(kHost4, 8080) == Reach::nothing);
  CHECK(lab.reach(kHost6, 8080) == Reach::nothing);

  closed(*leases, lease);
  CHECK(lab.reach(kHost4, 80) == Reach::nothing);
  CHECK(lab.reach(kHost6, 80) == Reach::nothing);
  CHECK(Lab::ruleset() == before);
  closed(*leases, lease);
}

TEST_CASE("the kernel ends a lease in time while its holder is stopped, and cuts its connections") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const Victim holder([&] {
    static std::unique_ptr<Leases> leases = prepared(lab, {http_entry()});
    opened(*leases, http_entry(), 1);
    return true;
  });
  REQUIRE(holder.is_ready());
  const auto ready = std::chrono::steady_clock::now();
  holder.signal(SIGSTOP);
  const Flow flow = lab.flow(kHost4, 80, responder);
  CHECK(flow.is_alive(kSoon));
  auto last_success = ready;
  while (lab.reach(kHost4, 80) == Reach::connected) last_success = std::chrono::steady_clock::now();
  CHECK(last_success - ready < milliseconds(1200));
  std::this_thread::sleep_until(ready + milliseconds(1010));
  CHECK(lab.reach(kHost6, 80) == Reach::nothing);
  CHECK(!flow.is_alive(kSoon));
}

TEST_CASE("what the kernel ended is tidied up, and told of") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const std::string before = Lab::ruleset();
  const auto leases = prepared(lab, {http_entry()});
  CHECK(!leases->next_tidy_up());
  opened(*leases, http_entry(), 1);
  REQUIRE(leases->status().size() == 1);
  CHECK(leases->status().front().entry == "http");
  CHECK(leases->status().front().seconds == 1);
  REQUIRE(leases->next_tidy_up());
  CHECK(leases->tidy_up().empty());
  CHECK(becomes([&] { return std::chrono::steady_clock::now() >= *leases->next_tidy_up(); }));
  CHECK(leases->status().empty());
  CHECK(leases->tidy_up() == std::vector<std::string>{"the time of opening `http` was up"});
  CHECK(!leases->next_tidy_up());
  CHECK(Lab::ruleset() == before);
}

TEST_CASE("the door shuts when its holder is killed, and the next broker removes the gate") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const std::string before = Lab::ruleset();
  Victim holder([&] {
    static std::unique_ptr<Leases> leases = prepared(lab, {http_entry()});
    opened(*leases, http_entry());
    return true;
  });
  REQUIRE(holder.is_ready());
  CHECK(lab.reaches(kHost4, 80));
  holder.kill();
  CHECK(becomes([&] { return lab.reach(kHost4, 80, milliseconds(30)) != Reach::connected; },
                milliseconds(500)));
  CHECK(lab.reach(kHost6, 80) == Reach::nothing);
  CHECK(lab.reach(kHost6, 8080) == Reach::nothing);
  CHECK(Lab::ruleset() != before);  // the gate, inert
  const auto leases = prepared(lab, {http_entry()});
  CHECK(Lab::ruleset() == before);
}

TEST_CASE("connections of a killed holder are forgotten at the next start") {
  const Lab lab;
  Lab::load(std::string(kFirewall) + base_chain("ip other pre", "nat hook prerouting priority 0"));
  const UniqueFd responder = Lab::listen("::", 8080);
  Victim holder([&] {
    static std::unique_ptr<Leases> leases = prepared(lab, {http_entry()});
    opened(*leases, http_entry());
    return true;
  });
  REQUIRE(holder.is_ready());
  const Flow flow = lab.flow(kHost4, 80, responder);
  holder.kill();
  CHECK(flow.is_alive(kSoon));  // what the README says of a killed broker: connections last until they end
  const auto leases = prepared(lab, {http_entry()});
  CHECK(!flow.is_alive(kSoon));
}

TEST_CASE("closing cuts established connections, whatever else the ruleset accepts or translates") {
  const Lab lab;
  Lab::load(std::string(kFirewall) + base_chain("ip other pre", "nat hook prerouting priority 0"));
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto leases = prepared(lab, {http_entry()});
  const std::uint64_t lease = opened(*leases, http_entry());
  for (const char* address : {kHost4, kHost6}) {
    CAPTURE(address);
    CHECK(lab.flow(address, 80, responder).is_alive(std::chrono::seconds(1)));
  }
  const Flow flow4 = lab.flow(kHost4, 80, responder);
  const Flow flow6 = lab.flow(kHost6, 80, responder);
  CHECK(leases->close(lease).has_value());
  for (const bool is_tidy : {false, true}) {
    CAPTURE(is_tidy);
    CHECK(lab.reach(kHost4, 80) == Reach::nothing);
    CHECK(!flow4.is_alive(kSoon));
    CHECK(!flow6.is_alive(milliseconds(50)));
    CHECK(leases->next_tidy_up().has_value() == !is_tidy);
    CHECK(leases->tidy_up().empty());
  }
}

TEST_CASE("two openings share the table, and closing one leaves the other alone") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd http = Lab::listen("::", 8080);
  const UniqueFd tls = Lab::listen("::", 8443);
  const std::string before = Lab::ruleset();
  const auto leases = prepared(lab, {http_entry(), https_entry()});
  const std::uint64_t first = opened(*leases, http_entry());
  const std::uint64_t second = opened(*leases, https_entry());
  CHECK(leases->status().size() == 2);
  const Flow flow = lab.flow(kHost4, 443, tls);
  CHECK(lab.reaches(kHost4, 80));
  closed(*leases, first);
  CHECK(lab.reach(kHost4, 80) == Reach::nothing);
  CHECK(lab.reaches(kHost6, 443));
  CHECK(flow.is_alive(std::chrono::seconds(1)));
  opened(*leases, http_entry());
  CHECK(lab.reaches(kHost4, 80));
  closed(*leases, second);
  CHECK(lab.reach(kHost4, 443) == Reach::nothing);
  CHECK(lab.reaches(kHost4, 80));
  SUBCASE("and the end of the holder shuts all") {
    auto ended = std::move(const_cast<std::unique_ptr<Leases>&>(leases));
    ended.reset();
    CHECK(lab.reach(kHost4, 80) == Reach::nothing);
    CHECK(Lab::ruleset() == before);
  }
}

TEST_CASE("an opening has one lease at a time, and can be opened again when that one is over") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto leases = prepared(lab, {http_entry()});
  opened(*leases, http_entry(), 1);
  CHECK(refused(*leases, http_entry(), 10) ==
        "opening `http` is open already, for 1 s more: it can be opened again when that lease is closed or "
        "over");
  CHECK(becomes([&] { return std::chrono::steady_clock::now() >= *leases->next_tidy_up(); }));
  opened(*leases, http_entry(), 100);
  CHECK(leases->status().front().seconds == 60);  // at most
  CHECK(lab.reaches(kHost4, 80));
}

TEST_CASE("an opening works above an input chain of any priority, and through two that drop") {
  const Lab lab;
  Lab::load(std::string(kFirewall) +
            base_chain("ip6 early first", "filter hook input priority -400; policy drop",
                       "meta l4proto ipv6-icmp accept; ct state established accept"));

  const UniqueFd responder = Lab::listen("::", 8080);
  OpeningEntry entry = http_entry();
  entry.gates.push_back({Family::ip6, "early", "first"});
  const std::string before = Lab::ruleset();
  const auto leases = prepared(lab, {entry});
  const std::uint64_t lease = opened(*leases, entry);
  CHECK(lab.reaches(kHost4, 80));
  CHECK(lab.reaches(kHost6, 80));
  CHECK(lab.reach(kHost6, 8080) == Reach::nothing);
  closed(*leases, lease);
  CHECK(Lab::ruleset() == before);
}

TEST_CASE("a static gate is inert without a lease, and is never touched") {
  const Lab lab;
  Lab::load(std::string(kFirewall) +
            "add rule inet filter input tcp dport 8080 meta mark 0xac3e0050 accept comment \"certlatch\"");
  const UniqueFd responder = Lab::listen("::", 8080);
  const std::string before = Lab::ruleset();
  OpeningEntry entry = http_entry();
  entry.gate = GateKind::is_static;
  entry.gates.clear();
  const auto leases = prepared(lab, {entry});
  CHECK(lab.reach(kHost4, 80) == Reach::nothing);
  const std::uint64_t lease = opened(*leases, entry);
  CHECK(lab.reaches(kHost4, 80));
  closed(*leases, lease);
  CHECK(Lab::ruleset() == before);
}

TEST_CASE("connections that the host forwards are not taken") {
  const Lab lab;
  Lab::load(kFirewall);
  Lab::run("echo 1 > /proc/sys/net/ipv4/ip_forward");
  const UniqueFd site = lab.neighbour("lan0", "10.99.0");
  UniqueFd server;
  lab.as(site, [&] { server = Lab::listen("10.99.0.1", 80); });
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto leases = prepared(lab, {http_entry()});
  opened(*leases, http_entry());
  CHECK(lab.flow("10.99.0.1", 80, server).is_alive(std::chrono::seconds(1)));
  CHECK(lab.reaches(kHost4, 80));
}

TEST_CASE("a lease lets nothing else through that is led to the same port, nor from another interface") {
  const Lab lab;
  Lab::load(std::string(kFirewall) + base_chain("ip other pre", "nat hook prerouting priority -100",
                                                "tcp dport 81 redirect to :8080"));
  const UniqueFd other = lab.neighbour("lan0", "10.99.0");
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto leases = prepared(lab, {http_entry()});
  opened(*leases, http_entry());
  CHECK(lab.reaches(kHost4, 80));
  CHECK(lab.reach(kHost4, 81) == Reach::nothing);
  CHECK(lab.reach("10.99.0.2", 80, other) == Reach::nothing);
}

TEST_CASE("on a host without a firewall, only the named interface leads to the responder") {
  const Lab lab;
  const UniqueFd other = lab.neighbour("lan0", "10.99.0");
  const UniqueFd responder = Lab::listen("::", 8080);
  OpeningEntry entry = http_entry();
  entry.gate = GateKind::none;
  entry.gates.clear();
  const auto leases = prepared(lab, {entry});
  const std::uint64_t lease = opened(*leases, entry);
  CHECK(lab.reaches(kHost4, 80));
  CHECK(lab.reach("10.99.0.2", 80, other) == Reach::refused);
  closed(*leases, lease);
  CHECK(lab.reach(kHost4, 80) == Reach::refused);
  CHECK(Lab::ruleset().empty());
}

TEST_CASE("a lease lets no connection in that is not tracked") {
  const Lab lab;
  Lab::load(std::string(kFirewall) +
            base_chain("inet other raw", "filter hook prerouting priority raw", "tcp dport 80 notrack"));
  const UniqueFd responder = Lab::listen("::", 8080);
  const auto leases = prepared(lab, {http_entry()});
  opened(*leases, http_entry());
  CHECK(lab.reach(kHost4, 80) == Reach::nothing);
  CHECK(lab.reach(kHost6, 80) == Reach::nothing);
}

TEST_CASE("on a port that is shared, connections of before the lease live through it") {
  const Lab lab;
  OpeningEntry entry = http_entry();
  entry.gate = GateKind::none;
  entry.gates.clear();
  entry.share = true;
  const UniqueFd responder = Lab::listen("::", 8080);
  UniqueFd server;
  UniqueFd site;
  SUBCASE("though nothing tracked connections when they were made") { server = Lab::listen("::", 80); }
  SUBCASE("though the admin leads the port to a container's port of the same number") {
    Lab::run("echo 1 > /proc/sys/net/ipv4/ip_forward");
    site = lab.neighbour("lan0", "10.99.0");
    lab.as(site, [&] { server = Lab::listen("10.99.0.1", 8080); });
    Lab::load(base_chain("ip docker pre", "nat hook prerouting priority -100",
                         "tcp dport 80 dnat to 10.99.0.1:8080"));
  }
  const auto leases = prepared(lab, {entry});
  Flow before = lab.flow(kHost4, 80, server);
  CHECK(before.is_alive(std::chrono::seconds(1)));
  const std::uint64_t lease = opened(*leases, entry);
  CHECK(before.is_alive(std::chrono::seconds(1)));
  CHECK(lab.flow(kHost4, 80, responder).is_alive(std::chrono::seconds(1)));
  closed(*leases, lease);
  const Flow back{std::move(before.server), std::move(before.client)};
  CHECK(back.is_alive(std::chrono::seconds(1)));
  CHECK(lab.flow(kHost4, 80, server).is_alive(std::chrono::seconds(1)));
}

}  // namespace
}  // namespace certlatch
