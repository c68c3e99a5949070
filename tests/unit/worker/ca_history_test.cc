// SPDX-License-Identifier: MIT
// What a host may still ask of a CA.
#include "worker/state/ca_history.h"

#include <doctest/doctest.h>

using namespace certlatch;

namespace {
constexpr Seconds kNow = 1'800'000'000;
constexpr CaLimits kLimits{1, 2, 2};
const std::vector<std::string> kNames{"a.example", "b.example"};

std::string refused(const CaHistory& history, Seconds now = kNow, bool is_renewal = false) {
  return refusal_of(history, kLimits, kNames, is_renewal, now).value_or("");
}
}  // namespace

TEST_CASE("three hours' orders may come at once, and then again as the oldest is forgotten") {
  CaHistory history;
  history.orders = {kNow - 3 * 3600 + 600, kNow - 100};
  CHECK(refused(history).empty());
  history.orders.push_back(kNow);
  CHECK(refused(history).starts_with("3 orders were placed within three hours"));
  CHECK_FALSE(refused(history, kNow + 599).empty());
  CHECK(refused(history, kNow + 600).empty());
}

TEST_CASE(
    "certificates with the same names count, in whatever order they are; renewals that the CA wants do not") {
  CaHistory history;
  history.issued = {{kNow - 6 * 24 * 3600, digest_of_names({"b.example", "a.example"})},
                    {kNow - 60, digest_of_names(kNames)}};
  CHECK(refused(history).starts_with("2 certificates for the same names"));
  CHECK(refused(history, kNow, true).empty());
  CHECK(refused(history, kNow + 24 * 3600).empty());
  history.issued[0].names = digest_of_names({"a.example"});
  CHECK(refused(history).empty());
}

TEST_CASE("failures of one name count for it alone") {
  CaHistory history;
  history.failed = {{kNow - 10, "b.example"}, {kNow - 5, "c.example"}};
  CHECK(refused(history).empty());
  history.failed.push_back({kNow, "b.example"});
  CHECK(refused(history).starts_with("b.example could not be validated 2 times"));
}

TEST_CASE("what is kept is what was kept, and a clock that was set back refuses nothing") {
  CaHistory history;
  history.orders = {kNow - 4 * 3600, kNow - 1, kNow + 10, kNow + 11, kNow + 12};
  history.issued = {{kNow - 8 * 24 * 3600, {}}, {kNow, digest_of_names(kNames)}};
  history.failed = {{kNow, "a.example"}};
  CHECK(ca_history_from(history_text(history)) == history);
  history.forget_before(kNow);
  CHECK(history.orders == std::vector<Seconds>{kNow - 1});
  CHECK(history.issued.size() == 1);
  CHECK(ca_history_from("order x\nissued 5 zz\norder\n\nfuture 1 2\norder 7\n").orders ==
        std::vector<Seconds>{7});
}

TEST_CASE("by default no three hours see more than 300 orders, whatever is asked for") {
  CaHistory history;
  std::vector<Seconds> placed;
  for (Seconds at = kNow; at < kNow + 5 * 3600; at += 7) {
    if (refusal_of(history, CaLimits{}, kNames, true, at)) continue;
    history.orders.push_back(at);
    placed.push_back(at);
  }
  REQUIRE(placed.size() > 300);
  CHECK(placed[299] < kNow + 3600);
  for (std::size_t i = 300; i < placed.size(); ++i) CHECK(placed[i] - placed[i - 300] >= 3 * 3600);
}

TEST_CASE("no limit is no limit") {
  CaHistory history;
  for (int i = 0; i < 5000; ++i) history.orders.push_back(kNow);
  CHECK_FALSE(refusal_of(history, {0, 0, 0}, kNames, false, kNow));
  history.forget_before(kNow);
  CHECK(history.orders.size() <= 4000);
}
