// SPDX-License-Identifier: MIT
#include "policy/tool/fate.h"

#include <algorithm>

#include "policy/tool/rule_effect.h"

namespace certlatch {
namespace {

// The kernel allows as many jumps within each other.
constexpr unsigned kDepth = 16;
// More than this is not looked at: chains that jump to each other are followed each time anew.
constexpr unsigned kMostRules = 1'000'000;

/// Whether packets come to a place at all: no, perhaps or some of them, all of them.
using Reach = Match;

class Walk {
 public:
  Walk(const Chain& base, const Firewall& firewall, const Packet& request, const std::vector<Gate>& gates)
      : base_(base), firewall_(firewall), gates_(gates), packet_(request) {}

  std::vector<Event> events() {
    const Reach end = through(base_, Reach::yes, 0);
    if (end != Reach::no && base_.hook && base_.hook->drops_by_policy)
      note(Event::Kind::dropped, base_, nullptr, end);
    return std::move(events_);
  }

 private:
  /// Whether packets leave the chain at its end, or by `return`.
  Reach through(const Chain& chain, Reach reach, unsigned depth);
  [[nodiscard]] bool is_gated(const Chain& chain) const {
    return std::ranges::any_of(gates_, [&](const Gate& gate) {
      return static_cast<std::uint8_t>(gate.family) == chain.family && gate.table == chain.table &&
             gate.chain == chain.name;
    });
  }
  void note(Event::Kind kind, const Chain& chain, const Rule* rule, Reach reach) {
    events_.push_back({kind, &base_, &chain, rule, packet_.is_ipv6, reach == Reach::yes});
  }

  const Chain& base_;
  const Firewall& firewall_;
  const std::vector<Gate>& gates_;
  Packet packet_;
  unsigned rules_ = 0;
  std::vector<Event> events_;
};

Reach Walk::through(const Chain& chain, Reach reach, unsigned depth) {
  Reach out = Reach::no;
  if (is_gated(chain)) return out;
  for (const Rule& rule : chain.rules) {
    if (++rules_ > kMostRules || reach == Reach::no) break;
    for (const auto& [act, target, match] : effects_of(rule, chain, firewall_, packet_)) {
      const Reach taken = std::min(match, reach);
      const Reach rest = match == Match::yes ? Reach::no : std::min(reach, Reach::maybe);
      if (taken == Reach::no) continue;
      switch (act) {
        case Act::stop_tracking:
          note(Event::Kind::not_tracked, chain, &rule, taken);
          continue;
        case Act::lead_elsewhere:
          note(Event::Kind::led_elsewhere, chain, &rule, taken);
          break;
        case Act::drop:
          note(Event::Kind::dropped, chain, &rule, taken);
          break;
        case Act::leave:
          out = std::max(out, taken);
          break;
        case Act::accept:
          break;
        case Act::jump:
        case Act::go_to: {
          const Chain* next = firewall_.find(chain.family, chain.table, target);
          const Reach back = next != nullptr && depth < kDepth ? through(*next, taken, depth + 1) : taken;
          if (act == Act::go_to) {
            out = std::max(out, back);
            break;
          }
          reach = std::max(back, rest);
          continue;
        }
      }
      reach = rest;
    }
  }
  return std::max(out, reach);
}

}  // namespace

std::vector<Event> events_in(const Chain& base, const Firewall& firewall, const Packet& request,
                             const std::vector<Gate>& gates) {
  return Walk(base, firewall, request, gates).events();
}

}  // namespace certlatch
