// SPDX-License-Identifier: MIT
#include "broker/netfilter/connections.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cstring>

namespace certlatch {
namespace {

Listener describe(const nlmsghdr* message, const inet_diag_msg& socket) {
  in6_addr address{};
  std::memcpy(&address, socket.id.idiag_src, sizeof address);
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(socket.idiag_family, &address, text, sizeof text);
  const bool is_v6 = socket.idiag_family == AF_INET6;
  const bool is_v4 = !is_v6 || IN6_IS_ADDR_V4MAPPED(&address);
  const std::uint32_t v4 = ntohl(address.s6_addr32[is_v6 ? 3 : 0]);
  const nlattr* v6_only = attributes<INET_DIAG_SKV6ONLY>(message, sizeof socket)[INET_DIAG_SKV6ONLY];
  const bool takes_v4 = v6_only == nullptr || mnl_attr_get_u8(v6_only) == 0;
  return {.address = text,
          .is_on_wire = is_v4 ? (v4 >> 24) != IN_LOOPBACKNET : !IN6_IS_ADDR_LOOPBACK(&address),
          .is_on_loopback = is_v4 ? v4 == INADDR_ANY || v4 == INADDR_LOOPBACK
                                  : IN6_IS_ADDR_UNSPECIFIED(&address) && takes_v4};
}

constexpr int kGet = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET;
constexpr int kDelete = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;

/// One end of a connection, as it was made or as it is answered.
struct End {
  std::string_view address;
  std::string_view protocol;
  std::uint16_t port = 0;
};
std::string_view bytes_of(const nlattr* fact) {
  if (fact == nullptr) return {};
  return {static_cast<const char*>(mnl_attr_get_payload(fact)), mnl_attr_get_payload_len(fact)};
}
End end_of(const nlattr* tuple, std::size_t v4, std::size_t v6, std::size_t port) {
  const auto parts = attributes<CTA_TUPLE_MAX>(tuple);
  const auto address = attributes<CTA_IP_MAX>(parts[CTA_TUPLE_IP]);
  const auto facts = attributes<CTA_PROTO_MAX>(parts[CTA_TUPLE_PROTO]);
  return {bytes_of(address[v4] != nullptr ? address[v4] : address[v6]), bytes_of(facts[CTA_PROTO_NUM]),
          be16_of(facts[port])};
}

/// Was it led to a port of this very host, by our rules or ones like them? Somebody else's translation may
/// lead to a port of that number on another host, or in a container.
static_assert(IPPROTO_TCP == 6);
bool is_led(const Attributes<CTA_MAX>& facts, std::uint16_t port, std::uint16_t to_port) {
  const End made_to = end_of(facts[CTA_TUPLE_ORIG], CTA_IP_V4_DST, CTA_IP_V6_DST, CTA_PROTO_DST_PORT);
  const End answers = end_of(facts[CTA_TUPLE_REPLY], CTA_IP_V4_SRC, CTA_IP_V6_SRC, CTA_PROTO_SRC_PORT);
  return (be32_of(facts[CTA_STATUS]) & IPS_DST_NAT) != 0 && made_to.protocol == "\6" &&
         made_to.port == port && answers.port == to_port &&
         (answers.address == made_to.address || answers.address == std::string_view("\x7f\0\0\1", 4));
}

}  // namespace

Result<std::vector<Listener>> tcp_listeners(NetlinkSocket& socket, std::uint16_t port) {
  std::vector<Listener> listeners;
  for (const int family : {AF_INET, AF_INET6}) {
    inet_diag_req_v2 question{};
    question.sdiag_family = static_cast<std::uint8_t>(family);
    question.sdiag_protocol = IPPROTO_TCP;
    question.idiag_states = 1U << TCP_LISTEN;
    const auto answer = socket.ask(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP,
                                   {reinterpret_cast<const char*>(&question), sizeof question}, {});
    if (!answer) return fail(answer.error().in("look for listening sockets"));
    for_each_message(*answer, [&](const nlmsghdr* found) {
      if (mnl_nlmsg_get_payload_len(found) < sizeof(inet_diag_msg)) return;
      const auto* facts = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(found));
      if (ntohs(facts->id.idiag_sport) == port) listeners.push_back(describe(found, *facts));
    });
  }
  return listeners;
}

Result<void> forget_connections(NetlinkSocket& socket, std::uint16_t port, std::uint16_t to_port) {
  // Kernels that do not know the mask answer with every connection.
  const auto connections =
      socket.ask(kGet, NLM_F_DUMP, netfilter_header(AF_UNSPEC),
                 attr_be32(CTA_STATUS, IPS_DST_NAT) + attr_be32(CTA_STATUS_MASK, IPS_DST_NAT));
  if (!connections) return fail(connections.error().in("look for connections through the opening"));
  Result<void> outcome;
  for_each_message(*connections, [&](const nlmsghdr* connection) {
    const auto facts = attributes<CTA_MAX>(connection, sizeof(nfgenmsg));
    if (!is_led(facts, port, to_port)) return;
    std::string which;
    for (const int name : {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID})
      if (const nlattr* fact = facts[static_cast<std::size_t>(name)]; fact != nullptr)
        which.append(reinterpret_cast<const char*>(fact), MNL_ALIGN(fact->nla_len));
    const auto* header = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(connection));
    const auto deleted = socket.ask(kDelete, 0, netfilter_header(header->nfgen_family), which);
    if (!deleted && deleted.error().sys_errno != ENOENT)  // which ended by itself meanwhile
      outcome = fail(deleted.error().in("cut a connection through the opening"));
  });
  return outcome;
}

}  // namespace certlatch
