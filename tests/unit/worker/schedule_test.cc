// SPDX-License-Identifier: MIT
#include "worker/state/schedule.h"

#include <doctest/doctest.h>

using namespace certlatch;

namespace {
constexpr Seconds kHour = 3600, kDay = 24 * kHour;
constexpr Seconds kBegin = 1'700'000'000;
/// Hours of life that are left when a certificate of that many hours becomes due.
Seconds hours_left(Seconds hours) {
  const Seconds end = kBegin + hours * kHour;
  return (end - renewal_time(kBegin, end)) / kHour;
}
}  // namespace

TEST_CASE("a certificate is due with a third of its lifetime left") {
  CHECK(hours_left(90 * 24) == 30 * 24);
  CHECK(hours_left(398 * 24) == 398 * 24 / 3);
  CHECK(hours_left(47 * 24) == 47 * 24 / 3);
  CHECK(hours_left(240) == 80);
}

TEST_CASE("below ten days it is half") {
  CHECK(hours_left(239) == 119);
  CHECK(hours_left(160) == 80);  // the six days of short-lived certificates
  CHECK(hours_left(2) == 1);
  CHECK(hours_left(6) == 3);
}

TEST_CASE("the boundary is exact to the second") {
  CHECK(renewal_time(0, 10 * kDay) == 10 * kDay - 10 * kDay / 3);
  CHECK(renewal_time(0, 10 * kDay - 1) == 10 * kDay - 1 - (10 * kDay - 1) / 2);
}

TEST_CASE("failures wait 1, 10 and 100 minutes, then a day") {
  const Seconds now = kBegin + 1000;
  CHECK(next_attempt(0, 0, now) <= now);
  CHECK(next_attempt(1, kBegin, now) == kBegin + 60);
  CHECK(next_attempt(2, kBegin, now) == kBegin + 600);
  CHECK(next_attempt(3, kBegin, now) == kBegin + 6000);
  CHECK(next_attempt(4, kBegin, now) == kBegin + kDay);
  CHECK(next_attempt(4'000'000'000U, kBegin, now) == kBegin + kDay);
}

TEST_CASE("a clock that was set back keeps nothing waiting for longer than a day") {
  CHECK(next_attempt(1, kBegin + 10 * 365 * kDay, kBegin) == kBegin + 60);
  CHECK(next_attempt(9, kBegin + 10 * 365 * kDay, kBegin) == kBegin + kDay);
}
