// SPDX-License-Identifier: MIT
#include "worker/state/schedule.h"

#include <algorithm>
#include <array>

namespace certlatch {

Seconds renewal_time(Seconds not_before, Seconds not_after) {
  constexpr Seconds kShortLived = 10 * 24 * 3600;
  const Seconds lifetime = not_after - not_before;
  return not_after - lifetime / (lifetime < kShortLived ? 2 : 3);
}

Seconds renewal_time_with(Seconds not_before, Seconds not_after, Seconds left) {
  return left > 0 && left < not_after - not_before ? not_after - left : renewal_time(not_before, not_after);
}

Seconds renewal_time(Seconds not_before, Seconds not_after, Seconds suggested) {
  return std::min(suggested, not_after - (not_after - not_before) / 10);
}

Seconds next_question(Seconds now, Seconds retry_after) {
  constexpr Seconds kUsual = 6 * 3600, kLeast = 60, kMost = 24 * 3600;
  return now + (retry_after == 0 ? kUsual : std::clamp(retry_after, kLeast, kMost));
}

Seconds next_attempt(std::uint32_t failures, Seconds last, Seconds now) {
  constexpr std::array<Seconds, 5> kPause = {0, 60, 600, 6000, 24 * 3600};
  return std::min(last, now) + kPause[std::min<std::size_t>(failures, kPause.size() - 1)];
}

Seconds next_deployment(std::uint32_t failures, Seconds last, Seconds now) {
  constexpr std::array<Seconds, 6> kPause = {0, 0, 0, 60, 600, 3600};
  return std::min(last, now) + kPause[std::min<std::size_t>(failures, kPause.size() - 1)];
}

}  // namespace certlatch
