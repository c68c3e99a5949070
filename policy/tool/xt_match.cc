// SPDX-License-Identifier: MIT
#include "policy/tool/xt_match.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_rpfilter.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace certlatch {
namespace {

Match match_if(bool is_so) { return is_so ? Match::yes : Match::no; }

template <class Structure>
std::optional<Structure> structure(std::string_view data) {
  if (data.size() < sizeof(Structure)) return std::nullopt;
  Structure copy;
  std::memcpy(&copy, data.data(), sizeof copy);
  return copy;
}

Match state_match(std::uint32_t mask, const Packet& packet) {
  const bool is_led = packet.tracking == Tracking::led || packet.is_reply();
  return match_if((mask & (packet.state() | (is_led ? std::uint32_t{XT_CONNTRACK_STATE_DNAT} : 0))) != 0);
}

Match conntrack_match(std::uint32_t revision, std::string_view data, const Packet& packet) {
  // The later revisions begin as this one does.
  const auto wide = structure<xt_conntrack_mtinfo2>(data);
  const auto narrow = structure<xt_conntrack_mtinfo1>(data);
  if (!narrow || (revision > 1 && !wide)) return Match::maybe;
  const std::uint32_t flags = narrow->match_flags & ~XT_CONNTRACK_STATE_ALIAS;
  if (flags != XT_CONNTRACK_STATE) return Match::maybe;
  const std::uint32_t mask = revision > 1 ? wide->state_mask : narrow->state_mask;
  const bool is_inverted = (narrow->invert_flags & XT_CONNTRACK_STATE) != 0;
  return match_if((state_match(mask, packet) == Match::yes) != is_inverted);
}

bool is_in(std::uint16_t port, const std::uint16_t (&range)[2]) {
  return port >= range[0] && port <= range[1];
}

Match tcp_match(const xt_tcp& wanted, const Packet& packet) {
  const auto& hosts = packet.is_reply() ? wanted.spts : wanted.dpts;
  const auto& others = packet.is_reply() ? wanted.dpts : wanted.spts;
  const int inverted_host = packet.is_reply() ? XT_TCP_INV_SRCPT : XT_TCP_INV_DSTPT;
  if (is_in(packet.port, hosts) == ((wanted.invflags & inverted_host) != 0)) return Match::no;
  constexpr std::uint8_t kSyn = 0x02;
  constexpr std::uint8_t kAck = 0x10;
  const std::uint8_t flags = packet.is_reply() ? kSyn | kAck : kSyn;
  if (((flags & wanted.flg_mask) == wanted.flg_cmp) == ((wanted.invflags & XT_TCP_INV_FLAGS) != 0))
    return Match::no;
  const bool is_any_port = others[0] == 0 && others[1] == 0xffff;
  return is_any_port && wanted.option == 0 ? Match::yes : Match::maybe;
}

Match multiport_match(const xt_multiport_v1& wanted, const Packet& packet) {
  const int side = packet.is_reply() ? XT_MULTIPORT_SOURCE : XT_MULTIPORT_DESTINATION;
  if (wanted.flags != side || wanted.count > XT_MULTI_PORTS) return Match::maybe;
  bool is_found = false;
  for (std::uint8_t i = 0; i < wanted.count; ++i) {
    const bool is_range = wanted.pflags[i] != 0 && i + 1 < wanted.count;
    const std::uint16_t first = wanted.ports[i];
    const std::uint16_t last = is_range ? wanted.ports[++i] : first;
    is_found = is_found || (packet.port >= first && packet.port <= last);
  }
  return match_if(is_found != (wanted.invert != 0));
}

Match addrtype_match(const xt_addrtype_info_v1& wanted, const Packet& packet) {
  const std::uint16_t hosts = packet.is_reply() ? wanted.source : wanted.dest;
  const std::uint16_t others = packet.is_reply() ? wanted.dest : wanted.source;
  const std::uint32_t inverted = packet.is_reply() ? XT_ADDRTYPE_INVERT_SOURCE : XT_ADDRTYPE_INVERT_DEST;
  if (hosts != 0 && ((hosts & XT_ADDRTYPE_LOCAL) != 0) == ((wanted.flags & inverted) != 0)) return Match::no;
  return others == 0 ? Match::yes : Match::maybe;
}

}  // namespace

Match xt_match(std::string_view name, std::uint32_t revision, std::string_view data, const Packet& packet) {
  if (name == "comment") return Match::yes;
  if (name == "conntrack") return conntrack_match(revision, data, packet);
  if (name == "state") {
    const auto wanted = structure<xt_state_info>(data);
    return wanted ? state_match(wanted->statemask, packet) : Match::maybe;
  }
  if (name == "tcp") {
    const auto wanted = structure<xt_tcp>(data);
    return wanted ? tcp_match(*wanted, packet) : Match::maybe;
  }
  // Other protocols, and the headers of IPv6 that a plain TCP packet does not have.
  constexpr std::string_view kOthers[] = {"udp",  "icmp", "icmp6", "sctp", "dccp", "rt",
                                          "frag", "hbh",  "dst",   "mh",   "ah",   "esp"};
  if (std::ranges::find(kOthers, name) != std::end(kOthers)) return Match::no;
  if (name == "multiport" && revision == 1) {
    const auto wanted = structure<xt_multiport_v1>(data);
    return wanted ? multiport_match(*wanted, packet) : Match::maybe;
  }
  if (name == "mark" && revision == 1) {
    const auto wanted = structure<xt_mark_mtinfo1>(data);
    return wanted ? match_if(((packet.mark & wanted->mask) == wanted->mark) != (wanted->invert != 0))
                  : Match::maybe;
  }
  if (name == "addrtype" && revision == 1) {
    const auto wanted = structure<xt_addrtype_info_v1>(data);
    return wanted ? addrtype_match(*wanted, packet) : Match::maybe;
  }
  if (name == "rpfilter") {
    const auto wanted = structure<xt_rpfilter_info>(data);
    return wanted ? match_if((wanted->flags & XT_RPFILTER_INVERT) == 0) : Match::maybe;
  }
  return Match::maybe;
}

XtAct xt_act(std::string_view name, std::string_view data) {
  if (name == "REJECT" || name == "TARPIT" || name == "NFQUEUE") return XtAct::drops;
  if (name == "DNAT" || name == "REDIRECT" || name == "TPROXY") return XtAct::leads_elsewhere;
  if (name == "NOTRACK") return XtAct::stops_tracking;
  const auto tracking = name == "CT" ? structure<xt_ct_target_info>(data) : std::nullopt;
  return tracking && (tracking->flags & XT_CT_NOTRACK) != 0 ? XtAct::stops_tracking : XtAct::passes;
}

}  // namespace certlatch
