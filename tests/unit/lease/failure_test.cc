// SPDX-License-Identifier: MIT
// Whatever call fails, and however: nothing stays open, no toggle is set without its guard, and what could
// not be put back is told of.
#include "tests/unit/lease/fake_netfilter.h"
#include "tests/unit/lease/lab.h"

namespace certlatch {
namespace {

struct Scene {
  FakeHost& host;
  std::unique_ptr<Leases> leases;
  OpeningEntry entry;
  bool was_told = false;  // of something that failed

  std::optional<std::uint64_t> open() {
    const auto answer = leases->open(entry, 10);
    if (const auto* refusal = std::get_if<Refused>(&answer)) {
      CHECK(!refusal->sentence.empty());
      CHECK(leases->status().empty());
      was_told = true;
      return std::nullopt;
    }
    CHECK(host.is_open());
    CHECK(leases->status().size() == 1);
    return std::get<Opened>(answer).lease;
  }
  void close(std::uint64_t lease) {
    if (!leases->close(lease)) was_told = true;
    CHECK(leases->status().empty());
    CHECK(!host.is_open());
    tidy_up();
  }
  void tidy_up() {
    for (const std::string& line : leases->tidy_up())
      was_told = was_told || line.find(": ") != std::string::npos;
  }
};

void open_and_close(Scene& scene) {
  if (const auto lease = scene.open()) scene.close(*lease);
}

void open_and_expire(Scene& scene) {
  if (!scene.open()) return;
  scene.host.now += std::chrono::seconds(10);
  CHECK(scene.leases->status().empty());
  CHECK(scene.host.now < *scene.leases->next_tidy_up());
  scene.tidy_up();
  CHECK(!scene.leases->next_tidy_up());
}

void open_and_reload(Scene& scene) {
  const auto lease = scene.open();
  if (!lease) return;
  scene.host.gates.clear();
  scene.host.is_changed = true;
  scene.tidy_up();
  scene.close(*lease);
}

void open_twice(Scene& scene) {
  open_and_close(scene);
  if (!scene.host.is_abandoned) open_and_close(scene);
}

void open_and_end(Scene& scene) {
  if (!scene.open()) return;
  scene.leases.reset();
  scene.was_told = true;  // there is nobody to tell: the next start finds gates, guard and journal
}

void play(const std::function<void(Scene&)>& scenario, const OpeningEntry& entry, FakeHost& host) {
  auto leases =
      std::make_unique<Leases>(std::make_unique<FakeNetfilter>(host),
                               std::make_unique<FakeRouteLocalnet>(host), [&host] { return host.now; });
  Scene scene{host, std::move(leases), entry};
  scenario(scene);
  CHECK(host.open.empty());
  CHECK((host.is_clean() || scene.was_told));
  if (scene.leases) CHECK(scene.leases->status().empty());
}

TEST_CASE("nothing stays open and no toggle loses its guard, whichever call fails") {
  std::function<void(Scene&)> scenario;
  SUBCASE("open and close") { scenario = open_and_close; }
  SUBCASE("open until the time is up") { scenario = open_and_expire; }
  SUBCASE("open across a reload of the ruleset") { scenario = open_and_reload; }
  SUBCASE("open twice") { scenario = open_twice; }
  SUBCASE("open until the broker ends") { scenario = open_and_end; }
  for (const OpeningEntry& entry : {http_entry(), loopback_entry()}) {
    CAPTURE(entry.to_loopback);
    FakeHost undisturbed;
    play(scenario, entry, undisturbed);
    CHECK(undisturbed.is_clean());
    CHECK(undisturbed.calls > 4);
    for (const Failure failure : {Failure::without_effect, Failure::with_effect, Failure::from_then_on}) {
      for (int n = 1; n <= undisturbed.calls; ++n) {
        CAPTURE(static_cast<int>(failure));
        CAPTURE(undisturbed.made[static_cast<std::size_t>(n - 1)]);
        FakeHost host;
        host.fail_at = n;
        host.failure = failure;
        play(scenario, entry, host);
      }
    }
  }
}

TEST_CASE("the guard stands before the toggle, and goes after it") {
  FakeHost host;
  play(open_and_close, loopback_entry(), host);
  CHECK(host.made == std::vector<std::string>{"remove_table certlatch", "check_free", "open", "set toggles",
                                              "shut", "cut_flows", "remove", "remove_gates", "set toggles",
                                              "remove_table certlatch_guard"});
}

TEST_CASE("when an opening cannot be shut, its table is given up") {
  FakeHost host;
  Leases leases(std::make_unique<FakeNetfilter>(host), std::make_unique<FakeRouteLocalnet>(host),
                [&host] { return host.now; });
  const std::uint64_t lease = opened(leases, http_entry());
  host.fail_at = host.calls + 1;
  const auto closed = leases.close(lease);
  REQUIRE(!closed);
  CHECK(closed.error().message ==
        "shut: Cannot allocate memory: every opening was dropped, certlatchd must be restarted");
  CHECK(host.is_abandoned);
  CHECK(!host.is_open());
  CHECK(leases.tidy_up().empty());
  CHECK(host.is_clean());
}

}  // namespace
}  // namespace certlatch
