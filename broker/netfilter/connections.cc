// SPDX-License-Identifier: MIT
// Of Netfilter: who listens on this host, and who came in through an opening.
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "broker/netfilter/netfilter.h"

namespace certlatch {
namespace {

constexpr int kGet = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET;
constexpr int kDelete = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;

/// Was it led to a port of this very host, by our rules or ones like them? Somebody else's translation may
/// lead to a port of that number on another host, or in a container. The ports of an entry differ: what has
/// both was translated.
bool is_led(const std::string& connection, std::uint16_t port, std::uint16_t to_port) {
  const auto text = [&](int tuple, int nest, int type) {
    return std::string(bytes_of(find(connection, {tuple, nest, type})));
  };
  const auto end = [&](int tuple, int side) {
    return text(tuple, CTA_TUPLE_PROTO, CTA_PROTO_NUM) + text(tuple, CTA_TUPLE_PROTO, side);
  };
  const auto tcp = [](std::uint16_t number) { return raw(std::uint8_t{IPPROTO_TCP}) + raw(htons(number)); };
  // One of the two families' is absent, and thus empty.
  const std::string made_to =
      text(CTA_TUPLE_ORIG, CTA_TUPLE_IP, CTA_IP_V4_DST) + text(CTA_TUPLE_ORIG, CTA_TUPLE_IP, CTA_IP_V6_DST);
  const std::string answers =
      text(CTA_TUPLE_REPLY, CTA_TUPLE_IP, CTA_IP_V4_SRC) + text(CTA_TUPLE_REPLY, CTA_TUPLE_IP, CTA_IP_V6_SRC);
  return end(CTA_TUPLE_ORIG, CTA_PROTO_DST_PORT) == tcp(port) &&
         end(CTA_TUPLE_REPLY, CTA_PROTO_SRC_PORT) == tcp(to_port) &&
         (answers == made_to || answers == raw(htonl(INADDR_LOOPBACK)));
}

}  // namespace

/// The address of a TCP socket that listens on `port`, whatever its address, as sock_diag(7) tells.
Result<std::optional<std::string>> Netfilter::find_listener(std::uint16_t port) {
  for (const int family : {AF_INET, AF_INET6}) {
    inet_diag_req_v2 question{.sdiag_family = static_cast<std::uint8_t>(family),
                              .sdiag_protocol = IPPROTO_TCP,
                              .idiag_states = 1U << TCP_LISTEN};
    question.id.idiag_sport = htons(port);
    const auto found =
        TRY(sockets_.ask(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, raw(question)).in("look for listening sockets"));
    if (found.empty()) continue;
    const auto* socket = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(header_of(found.front())));
    char text[INET6_ADDRSTRLEN] = {};
    return ::inet_ntop(family, socket->id.idiag_src, text, sizeof text);
  }
  return std::nullopt;
}

/// Forgets the connections, so that their next packets meet the ruleset as strangers. The kernel walks all of
/// its table for it.
Result<void> Netfilter::cut_flows(const OpeningEntry& entry) {
  Result<void> outcome;
  // Kernels that do not know the mask answer with every connection.
  const std::string translated = netfilter_header(AF_UNSPEC) + attr_be32(CTA_STATUS, IPS_DST_NAT) +
                                 attr_be32(CTA_STATUS_MASK, IPS_DST_NAT);
  for (const std::string& connection :
       TRY(look_.ask(kGet, NLM_F_DUMP, translated).in("look for connections through the opening"))) {
    if (!is_led(connection, entry.port, entry.to_port)) continue;
    std::string which = connection.substr(NLMSG_HDRLEN, sizeof(nfgenmsg));
    for (const int name : {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID})
      if (const nlattr* fact = find(connection, {name}); fact != nullptr)
        which.append(reinterpret_cast<const char*>(fact), NLA_ALIGN(fact->nla_len));
    const auto deleted = look_.ask(kDelete, 0, which);
    if (!deleted && deleted.error().sys_errno != ENOENT)  // which ended by itself meanwhile
      outcome = fail(deleted.error().in("cut a connection through the opening"));
  }
  return outcome;
}

}  // namespace certlatch
