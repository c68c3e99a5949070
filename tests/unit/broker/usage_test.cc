// SPDX-License-Identifier: MIT
// Budgets: counted over 24 hours, on disk before the act, whatever the clock does.
#include "broker/usage.h"

#include <doctest/doctest.h>

#include "tests/unit/install/scratch.h"

namespace certlatch {
namespace {

using namespace test;

constexpr std::int64_t kHour = 3600;
constexpr std::uint32_t kMany = 100;

struct Host {
  Scratch scratch;
  UniqueFd state = scratch.open();
  std::int64_t now = 1'700'000'000;
  Usage fresh() {
    Usage usage(state.get(), [this] { return now; });
    report = usage.load();
    return usage;
  }
  Result<void> report;
};

TEST_CASE("a use counts for 24 hours, each entry by itself") {
  Host host;
  auto usage = host.fresh();
  CHECK(usage.left("open http", 2) == 2);
  CHECK(usage.take("open http", kMany));
  host.now += 10 * kHour;
  CHECK(usage.take("open http", kMany));
  CHECK(usage.left("open http", 2) == 0);
  CHECK(usage.left("open https", 2) == 2);
  CHECK(usage.wait_for_one("open http", 2) == 14 * kHour);
  host.now += 14 * kHour;
  CHECK(usage.left("open http", 2) == 1);
  CHECK(usage.wait_for_one("open http", 2) == 0);
}

TEST_CASE("a restart of the broker gives no fresh budget") {
  Host host;
  CHECK(host.fresh().take("open http", kMany));
  auto again = host.fresh();
  CHECK(host.report);
  CHECK(again.left("open http", 2) == 1);
}

TEST_CASE("a smaller budget after a change of the policy is used up") {
  Host host;
  auto usage = host.fresh();
  for (int i = 0; i < 5; ++i, host.now += kHour) CHECK(usage.take("open http", kMany));
  CHECK(usage.left("open http", 2) == 0);
  CHECK(usage.wait_for_one("open http", 2) == 22 * kHour);  // the fourth of the five has to age
}

TEST_CASE("a clock set back gives no fresh budget, and holds none longer than a day") {
  Host host;
  auto usage = host.fresh();
  CHECK(usage.take("open http", kMany));
  host.now -= 1000 * kHour;
  CHECK(usage.wait_for_one("open http", 1) == 24 * kHour);
  host.now += 23 * kHour;
  SUBCASE("in the same process") { CHECK(usage.wait_for_one("open http", 1) == kHour); }
  SUBCASE("in the next one") { CHECK(host.fresh().wait_for_one("open http", 1) == kHour); }
}

TEST_CASE("a record that is missing or damaged counts as empty, and is reported") {
  Host host;
  host.fresh();
  REQUIRE(!host.report);
  CHECK(host.report.error().message.starts_with("no whole record"));
  CHECK(host.fresh().take("open http", kMany));
  const auto good = contents_of(host.scratch / "usage");
  for (const auto& text : {std::string(), good + "x", good.substr(1), good.substr(0, good.size() - 1)}) {
    CAPTURE(text);
    write_file(host.scratch / "usage", text);
    CHECK(host.fresh().left("open http", 1) == 1);
    REQUIRE(!host.report);
    CHECK(host.report.error().message.starts_with("no whole record"));
  }
}

TEST_CASE("a use that cannot be written down is not taken") {
  Host host;
  auto usage = host.fresh();
  std::filesystem::create_directory(host.scratch / "usage.new");
  CHECK_FALSE(usage.take("open http", kMany));
  CHECK(usage.left("open http", 1) == 1);
}

TEST_CASE("a clock that jumps ahead and is set back gives no fresh budget") {
  Host host;
  auto usage = host.fresh();
  CHECK(usage.take("open http", 2));
  CHECK(usage.take("open http", 2));
  host.now += 1000 * kHour;
  SUBCASE("when nothing was asked for meanwhile") { CHECK(usage.left("open http", 2) == 2); }
  SUBCASE("when another entry was used meanwhile") { CHECK(usage.take("service nginx", 2)); }
  SUBCASE("when it was used meanwhile") { CHECK(usage.take("open http", 2)); }
  host.now -= 1000 * kHour;
  auto next = host.fresh();
  for (auto* each : {&usage, &next}) {
    CHECK(each->left("open http", 2) == 0);
    CHECK(each->wait_for_one("open http", 2) == 24 * kHour);
  }
}

TEST_CASE("no more uses are kept than are allowed a day") {
  Host host;
  auto usage = host.fresh();
  CHECK(usage.take("open http", 2));
  CHECK(usage.take("open http", 2));
  const auto size = contents_of(host.scratch / "usage").size();
  for (int i = 0; i < 50; ++i, host.now += 25 * kHour) CHECK(usage.take("open http", 2));
  CHECK(contents_of(host.scratch / "usage").size() == size);
}

}  // namespace
}  // namespace certlatch
