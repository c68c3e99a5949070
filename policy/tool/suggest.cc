// SPDX-License-Identifier: MIT
#include "policy/tool/suggest.h"

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <net/if.h>

#include <algorithm>
#include <map>

#include "policy/ini_file.h"
#include "policy/tool/fate.h"
#include "policy/tool/gate.h"
#include "policy/tool/host.h"
#include "policy/tool/rules.h"
#include "policy/tool/words.h"

namespace certlatch {
namespace {

constexpr std::uint16_t kPort = 80;
constexpr std::uint16_t kFirstHighPort = 8080;
constexpr std::uint16_t kLastHighPort = 8099;
constexpr std::uint32_t kTwoMinutes = 120;
constexpr std::uint32_t kPerDay = 24;
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
  Search(const Firewall& firewall, Suggestion& suggestion) : firewall_(firewall), it_(suggestion) {}

  void look_at(const Chain& chain) {
    const Place place = place_of(chain);
    const Table* table = firewall_.table_of(chain);
    if (place == Place::nowhere || (table != nullptr && table->is_dormant)) return;
    Packet packet = packet_for(chain, place, it_.entry);
    // A NAT chain after the lease's is not asked any more.
    const bool is_skipped = chain.hook->type == "nat" && chain.hook->priority > kOurNatPriority;
    if (place == Place::input) {
      packet.mark = it_.entry.mark;
      const auto closed = events(chain, packet);
      packet.mark = 0;
      const auto closed_without_mark = events(chain, packet);
      if (has_drop(closed)) return add_closed(chain, closed);
      has_static_gate_ = has_static_gate_ || has_drop(closed_without_mark);
      return;
    }
    for (const auto& [of, event] : told_once(events(chain, packet))) {
      if (event.kind == Event::Kind::led_elsewhere && place == Place::before_nat) {
        led_by_ = led_by_.empty() ? plain(event.chain->place()) : led_by_;
        continue;
      }
      if (event.kind == Event::Kind::dropped && is_skipped) continue;
      add_obstacle(event, place, of);
    }
  }

  void conclude() {
    for (const Family family : legacy_filters())
      it_.closed.push_back({{family, "filter", "INPUT"},
                            "of iptables-legacy, which cannot be looked into here",
                            Keeper::iptables_legacy});
    const bool are_all_insertable = std::ranges::all_of(it_.closed, [](const ClosedChain& chain) {
      return chain.keeper == Keeper::broker && read_gate(chain.place.text());
    });
    if (it_.closed.empty()) {
      it_.entry.gate = has_static_gate_ ? GateKind::is_static : GateKind::none;
      it_.why = has_static_gate_ ? "the ruleset holds it already" : "no input chain drops what is led to it";
    } else if (are_all_insertable) {
      for (const ClosedChain& chain : it_.closed) it_.entry.gates.push_back(chain.place);
    } else {
      it_.entry.gate = GateKind::is_static;
    }
    if (is_listened_on(kPort)) it_.why_share = "a program listens on port 80";
    if (!led_by_.empty()) it_.why_share = fmt::format("chain {} leads port 80 elsewhere", led_by_);
    it_.entry.share = !it_.why_share.empty();
  }

 private:
  std::vector<Event> events(const Chain& chain, Packet packet) {
    std::vector<Event> all;
    for (const bool is_ipv6 : {false, true}) {
      if (chain.family == (is_ipv6 ? NFPROTO_IPV4 : NFPROTO_IPV6)) continue;
      for (const std::string& interface : it_.entry.interfaces) {
        const auto& devices = chain.hook->devices;
        if (!devices.empty() && std::ranges::find(devices, interface) == devices.end()) continue;
        packet.is_ipv6 = is_ipv6;
        packet.interface = interface;
        packet.interface_index = if_nametoindex(interface.c_str());
        std::ranges::move(events_in(chain, firewall_, packet), std::back_inserter(all));
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
                       "there: have that program let TCP port {} in",
                       plain(chain.place()), reason, it_.entry.to_port),
           told[0].second.is_certain});
      return;
    }
    const char* ufws = family == Family::ip6 ? "ufw6-before-input" : "ufw-before-input";
    const bool is_ufws = family != Family::inet && chain.table == "filter" && chain.name == "INPUT" &&
                         firewall_.find(chain.family, chain.table, ufws) != nullptr;
    it_.closed.push_back(
        {{family, plain(chain.table), plain(chain.name)}, reason, is_ufws ? Keeper::ufw : Keeper::broker});
  }

  void add_obstacle(const Event& event, Place place, const std::string& of) {
    const std::string where = plain(event.base->place());
    const std::uint16_t seen = packet_for(*event.base, place, it_.entry).port;
    std::string sentence;
    if (event.kind == Event::Kind::not_tracked) {
      sentence = fmt::format(
          "{} takes what comes for port {} out of connection tracking (rule with handle {} of chain {}), and "
          "then nothing can be led to port {}: leave port {} out of that rule",
          where, kPort, event.rule->handle, plain(event.chain->name), it_.entry.to_port, kPort);
    } else {
      const std::string drops = event.is_certain ? "drops" : "may drop";
      const bool is_reply = place == Place::after;
      sentence = fmt::format("{} {} {} {}{}{} ({}), and no gate helps: {}", where, drops,
                             is_reply ? "replies from port" : "what comes for port", seen, of,
                             is_reply ? "" : " before the input chains see it", what_drops(event),
                             is_reply        ? "accept `ct state established` there"
                             : seen == kPort ? "accept `tcp dport 80` there"
                                             : "accept `ct status dnat` there");
    }
    it_.obstacles.push_back({std::move(sentence), event.is_certain});
  }

  const Firewall& firewall_;
  Suggestion& it_;
  bool has_static_gate_ = false;
  std::string led_by_;
};

/// A comment of as many lines as it needs.
std::string remark(std::string_view text) {
  std::string lines = wrapped(text, "", 98);
  std::string all;
  for (const auto line : split(lines, "\n"))
    if (!line.empty()) all += fmt::format("# {}\n", line);
  return all;
}

std::string key(std::string_view name, std::string_view value, std::string_view why = {}) {
  if (why.empty()) return fmt::format("{:<9} = {}\n", name, value);
  return fmt::format("{:<9} = {:<20} # {}\n", name, value, why);
}

/// Where an admin puts the lines of a static gate.
std::string static_lines(const Suggestion& it) {
  std::string text = remark(
      "The firewall's own files hold the gate, so that a reload keeps it. It does nothing without a lease. "
      "Put "
      "there:");
  for (const ClosedChain& chain : it.closed) {
    const Family family = chain.place.family;
    const bool is_iptables =
        family != Family::inet && chain.place.table == "filter" && chain.place.chain == "INPUT";
    if (chain.keeper == Keeper::ufw) {
      text += fmt::format("#   in /etc/ufw/{}, above its line COMMIT:\n#     {}\n",
                          family == Family::ip6 ? "before6.rules" : "before.rules",
                          ufw_gate_text(it.entry, family));
    } else if (chain.keeper == Keeper::iptables_legacy) {
      const std::string program = family == Family::ip6 ? "ip6tables" : "iptables";
      text += fmt::format("#   in INPUT of {0}-legacy, if it drops:\n#     {0}-legacy{1}\n", program,
                          iptables_gate_text(it.entry, family).substr(program.size()));
    } else {
      text += fmt::format("#   in {}, before it drops:\n#     {}\n", chain.place.text(),
                          is_iptables ? iptables_gate_text(it.entry, family) : gate_rule_text(it.entry));
    }
  }
  if (std::ranges::find(it.closed, Keeper::ufw, &ClosedChain::keeper) != it.closed.end())
    text += "#   then: ufw reload\n";
  return text;
}

}  // namespace

bool Suggestion::is_enough() const { return std::ranges::none_of(obstacles, &Obstacle::is_certain); }

Result<Suggestion> suggest(const Firewall& firewall) {
  Suggestion it;
  it.entry.name = "http";
  it.entry.port = kPort;
  it.entry.at_most = kTwoMinutes;
  it.entry.per_day = kPerDay;
  for (const Table& table : firewall.tables())
    if (table.family == NFPROTO_INET && table.name == "certlatch" && table.has_owner)
      return fail(
          Error::conflict("an opening is in force, and its gates would be taken for the firewall's own: ask "
                          "again when it is shut"));
  const Interfaces outward = outward_interfaces();
  it.entry.interfaces = outward.names;
  std::erase_if(it.entry.interfaces, [](const auto& name) { return !read_interface(name); });
  if (it.entry.interfaces.empty())
    return fail(Error::conflict("no network interface is up, so that there is none to open a port on"));
  it.why_interface = outward.have_default_route ? "with the default route"
                     : it.entry.interfaces.size() == 1
                         ? "the only one; there is no default route"
                         : "up; there is no default route: keep what faces outward";
  it.entry.to_port = kFirstHighPort;
  while (it.entry.to_port < kLastHighPort && is_listened_on(it.entry.to_port)) ++it.entry.to_port;

  Search search(firewall, it);
  for (const Chain& chain : firewall.chains()) search.look_at(chain);
  search.conclude();
  return it;
}

std::string section_text(const Suggestion& it) {
  std::string text = remark("For the ruleset in force, as `certlatch-policy suggest` reads it.");
  for (const Obstacle& obstacle : it.obstacles)
    text += remark((obstacle.is_certain ? "NOT ENOUGH: " : "Mind: ") + obstacle.sentence + ".");
  const bool has_lines = it.entry.gate == GateKind::is_static && !it.closed.empty();
  if (has_lines) text += static_lines(it);
  if (it.entry.share)
    text += remark(
        "While a lease lasts, new connections to the port are the worker's, which sends visitors on to "
        "HTTPS. With a web server that can hand out files, `webroot` in the worker's configuration needs "
        "no opening at all.");
  text += fmt::format("[open {}]\n", it.entry.name);
  text += key("port", std::to_string(it.entry.port));
  text += key("to", fmt::format(":{}", it.entry.to_port));
  for (const std::string& interface : it.entry.interfaces)
    text += key("interface", interface, it.why_interface);
  if (it.entry.gate == GateKind::inserted) {
    for (const ClosedChain& chain : it.closed) text += key("gate", chain.place.text(), chain.reason);
  } else if (has_lines) {
    for (const ClosedChain& chain : it.closed) text += remark(chain.place.text() + ": " + chain.reason);
    text += key("gate", "static");
  } else {
    text += key("gate", it.entry.gate == GateKind::is_static ? "static" : "none", it.why);
  }
  text += key("at most", "2m");
  text += key("per day", std::to_string(*it.entry.per_day));
  if (it.entry.share) text += key("share", "yes", it.why_share);
  return text;
}

}  // namespace certlatch
