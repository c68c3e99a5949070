// SPDX-License-Identifier: MIT
#include "policy/tool/passage.h"

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <net/if.h>

#include <algorithm>

#include "policy/tool/fate.h"
#include "policy/tool/gate.h"
#include "policy/tool/host.h"
#include "policy/tool/rules.h"
#include "policy/tool/words.h"

namespace certlatch {
namespace {

constexpr std::int32_t kOurNatPriority = NF_IP_PRI_NAT_DST - 1;
constexpr std::uint32_t kNetdevIngress = 0;

/// Names come from whoever made the ruleset, and go into a comment of one line.
std::string plain(std::string_view name) {
  std::string text;
  for (const char c : name) text += c >= ' ' && c <= '~' ? c : '?';
  return text;
}

bool is_ours(const Chain& chain) {
  return chain.family == NFPROTO_INET && (chain.table == "certlatch" || chain.table == "certlatch_guard");
}

enum class Place : std::uint8_t { before_nat, input, after, nowhere };

Place place_of(const Chain& chain) {
  if (!chain.hook || is_ours(chain)) return Place::nowhere;
  const bool is_ip =
      chain.family == NFPROTO_INET || chain.family == NFPROTO_IPV4 || chain.family == NFPROTO_IPV6;
  if (chain.family == NFPROTO_NETDEV && chain.hook->number == kNetdevIngress) return Place::before_nat;
  if (!is_ip) return Place::nowhere;
  switch (chain.hook->number) {
    case NF_INET_INGRESS:
    case NF_INET_PRE_ROUTING:
      return Place::before_nat;
    case NF_INET_LOCAL_IN:
      return Place::input;
    case NF_INET_LOCAL_OUT:
    case NF_INET_POST_ROUTING:
      return Place::after;
    default:
      return Place::nowhere;
  }
}

/// What a chain sees of the connection depends on whether it stands before or after tracking and NAT.
Packet packet_for(const Chain& chain, Place place, const OpeningEntry& entry) {
  Packet packet{.port = entry.to_port, .original_port = entry.port, .tracking = Tracking::led};
  if (place == Place::after) packet.tracking = Tracking::answering;
  if (place != Place::before_nat) return packet;
  const bool is_ingress = chain.family == NFPROTO_NETDEV || chain.hook->number == NF_INET_INGRESS;
  const std::int32_t priority = chain.hook->priority;
  if (!is_ingress && priority > NF_IP_PRI_NAT_DST && chain.hook->type != "nat") return packet;
  packet.port = entry.port;
  packet.tracking = is_ingress || priority < NF_IP_PRI_CONNTRACK ? Tracking::not_yet : Tracking::tracked;
  return packet;
}

class Search {
 public:
  Search(const Firewall& firewall, const OpeningEntry& entry) : firewall_(firewall), entry_(entry) {}

  void look_at(const Chain& chain) {
    const Place place = place_of(chain);
    const Table* table = firewall_.table_of(chain);
    if (place == Place::nowhere || (table != nullptr && table->is_dormant)) return;
    Packet packet = packet_for(chain, place, entry_);
    // A NAT chain after the lease's is not asked any more.
    const bool is_skipped = chain.hook->type == "nat" && chain.hook->priority > kOurNatPriority;
    if (place == Place::input) {
      packet.mark = entry_.mark;
      const auto closed = events(chain, packet);
      packet.mark = 0;
      const auto closed_without_mark = events(chain, packet);
      if (has_drop(closed)) return add_closed(chain, closed);
      it_.has_static_gate = it_.has_static_gate || has_drop(closed_without_mark);
      return;
    }
    for (const auto& [of, event] : told_once(events(chain, packet))) {
      if (event.kind == Event::Kind::led_elsewhere && place == Place::before_nat) {
        if (it_.led_by.empty()) it_.led_by = plain(event.chain->place());
        continue;
      }
      if (event.kind == Event::Kind::dropped && is_skipped) continue;
      add_obstacle(event, place, of);
    }
  }

  Passage conclude() {
    for (const Family family : legacy_filters())
      if (!entry_.to_loopback || family == Family::ip)
        it_.closed.push_back({.place = {family, "filter", "INPUT"},
                              .reason = "of iptables-legacy, which cannot be looked into here",
                              .keeper = Keeper::iptables_legacy});
    return std::move(it_);
  }

 private:
  std::vector<Event> events(const Chain& chain, Packet packet) {
    std::vector<Event> all;
    for (const bool is_ipv6 : {false, true}) {
      if (chain.family == (is_ipv6 ? NFPROTO_IPV4 : NFPROTO_IPV6)) continue;
      if (is_ipv6 && entry_.to_loopback) continue;
      for (const std::string& interface : entry_.interfaces) {
        const auto& devices = chain.hook->devices;
        if (!devices.empty() && std::ranges::find(devices, interface) == devices.end()) continue;
        packet.is_ipv6 = is_ipv6;
        packet.interface = interface;
        packet.interface_index = if_nametoindex(interface.c_str());
        std::ranges::move(events_in(chain, firewall_, packet, entry_.gates), std::back_inserter(all));
      }
    }
    return all;
  }

  static bool has_drop(const std::vector<Event>& events) {
    return std::ranges::find(events, Event::Kind::dropped, &Event::kind) != events.end();
  }

  /// Each rule once, and over which of the two it does it: " over IPv6".
  static std::vector<std::pair<std::string, Event>> told_once(const std::vector<Event>& events) {
    std::vector<std::pair<std::string, Event>> told;
    for (const Event& event : events) {
      const auto same = [&](const Event& other) { return other.rule == event.rule; };
      if (std::ranges::any_of(told, same, &std::pair<std::string, Event>::second)) continue;
      Event all = event;
      bool is_in[2] = {};
      for (const Event& other : events) {
        if (!same(other)) continue;
        is_in[other.is_ipv6] = true;
        all.is_certain = all.is_certain || other.is_certain;
      }
      const bool sees_both = event.base->family == NFPROTO_INET || event.base->family == NFPROTO_NETDEV;
      const std::string of = !sees_both || (is_in[0] && is_in[1]) ? ""
                             : is_in[0]                           ? " over IPv4"
                                                                  : " over IPv6";
      told.emplace_back(of, all);
    }
    return told;
  }

  static std::string what_drops(const Event& event) {
    if (event.rule == nullptr) return "its policy is drop";
    const auto number = event.rule - event.chain->rules.data() + 1;
    std::string text = event.chain == event.base
                           ? fmt::format("its rule {}", number)
                           : fmt::format("rule {} of its chain {}", number, plain(event.chain->name));
    text += fmt::format(" (handle {}", event.rule->handle);
    if (!event.rule->comment.empty()) text += fmt::format(", \"{}\"", plain(event.rule->comment));
    return text + (event.is_certain ? ") drops" : ") may drop");
  }

  void add_closed(const Chain& chain, const std::vector<Event>& events) {
    auto told = told_once(events);
    std::erase_if(told, [](const auto& each) { return each.second.kind != Event::Kind::dropped; });
    // The policy says most, then what happens to all of them.
    std::ranges::stable_sort(told, std::greater<>(), [](const auto& each) {
      return (each.second.rule == nullptr ? 2 : 0) + (each.second.is_certain ? 1 : 0);
    });
    std::string reason = what_drops(told[0].second) + told[0].first;
    if (told.size() > 1) reason += fmt::format(", and {} may drop", counted(told.size() - 1, "other rule"));
    const auto family = chain.family == NFPROTO_IPV4   ? Family::ip
                        : chain.family == NFPROTO_IPV6 ? Family::ip6
                                                       : Family::inet;
    if (const Table* table = firewall_.table_of(chain); table != nullptr && table->has_owner) {
      it_.obstacles.push_back(
          {fmt::format("{} drops ({}), and its table belongs to a process that lets nobody else put a gate "
                       "there",
                       plain(chain.place()), reason),
           fmt::format("have that program let TCP port {} in", entry_.to_port), told[0].second.is_certain});
      return;
    }
    const char* ufws = family == Family::ip6 ? "ufw6-before-input" : "ufw-before-input";
    const bool is_ufws = family != Family::inet && chain.table == "filter" && chain.name == "INPUT" &&
                         firewall_.find(chain.family, chain.table, ufws) != nullptr;
    it_.closed.push_back({{family, plain(chain.table), plain(chain.name)},
                          reason,
                          is_ufws ? Keeper::ufw : Keeper::broker,
                          told[0].second.is_certain});
  }

  void add_obstacle(const Event& event, Place place, const std::string& of) {
    const std::string where = plain(event.base->place());
    const std::uint16_t seen = packet_for(*event.base, place, entry_).port;
    Obstacle obstacle{.is_certain = event.is_certain};
    if (event.kind == Event::Kind::not_tracked) {
      obstacle.sentence = fmt::format(
          "{} takes what comes for port {} out of connection tracking (rule with handle {} of chain {}), and "
          "then nothing can be led to port {}",
          where, entry_.port, event.rule->handle, plain(event.chain->name), entry_.to_port);
      obstacle.remedy = fmt::format("leave port {} out of that rule", entry_.port);
    } else {
      const bool is_reply = place == Place::after;
      obstacle.sentence = fmt::format("{} {} {} {}{}{} ({}), and no gate helps", where,
                                      event.is_certain ? "drops" : "may drop",
                                      is_reply ? "replies from port" : "what comes for port", seen, of,
                                      is_reply ? "" : " before the input chains see it", what_drops(event));
      obstacle.remedy = is_reply              ? "accept `ct state established` there"
                        : seen == entry_.port ? fmt::format("accept `tcp dport {}` there", seen)
                                              : "accept `ct status dnat` there";
    }
    it_.obstacles.push_back(std::move(obstacle));
  }

  const Firewall& firewall_;
  const OpeningEntry& entry_;
  Passage it_;
};

}  // namespace

Passage passage_of(const OpeningEntry& entry, const Firewall& firewall) {
  Search search(firewall, entry);
  for (const Chain& chain : firewall.chains()) search.look_at(chain);
  return search.conclude();
}

Result<void> check_none_is_open(const Firewall& firewall) {
  for (const Table& table : firewall.tables())
    if (table.family == NFPROTO_INET && table.name == "certlatch" && table.has_owner)
      return fail(
          Error::conflict("an opening is in force, and its gates would be taken for the firewall's own: ask "
                          "again when it is shut"));
  return {};
}

StaticGate static_gate_for(const OpeningEntry& entry, const ClosedChain& chain) {
  const Family family = chain.place.family;
  const bool is_iptables =
      family != Family::inet && chain.place.table == "filter" && chain.place.chain == "INPUT";
  if (chain.keeper == Keeper::ufw)
    return {fmt::format("in /etc/ufw/{}, above its line COMMIT",
                        family == Family::ip6 ? "before6.rules" : "before.rules"),
            ufw_gate_text(entry, family)};
  if (chain.keeper == Keeper::iptables_legacy) {
    const std::string program = family == Family::ip6 ? "ip6tables" : "iptables";
    return {fmt::format("in INPUT of {}-legacy, if it drops", program),
            program + "-legacy" + iptables_gate_text(entry, family).substr(program.size())};
  }
  return {fmt::format("in {}, before it drops", chain.place.text()),
          is_iptables ? iptables_gate_text(entry, family) : gate_rule_text(entry)};
}

}  // namespace certlatch
