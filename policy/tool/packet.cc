// SPDX-License-Identifier: MIT
#include "policy/tool/packet.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>

namespace certlatch {
namespace {

constexpr char kSyn = 0x02;
constexpr char kAck = 0x10;
constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kTransportBytes = 20;

void set(Bits& bits, std::size_t offset, const Bits& part) {
  bits.value.replace(offset, part.value.size(), part.value);
  bits.known.replace(offset, part.known.size(), part.known);
}
Bits byte(int value) { return Bits::of(std::string(1, static_cast<char>(value))); }

std::uint32_t conntrack_status(bool is_led, bool is_reply) {
  return (is_led ? IPS_DST_NAT | IPS_DST_NAT_DONE : 0U) | (is_reply ? std::uint32_t{IPS_SEEN_REPLY} : 0U);
}

}  // namespace

Bits Bits::part(std::size_t offset, std::size_t size) const {
  Bits all = unknown(size);
  for (std::size_t i = 0; i < size && offset + i < value.size(); ++i) {
    all.value[i] = value[offset + i];
    all.known[i] = known[offset + i];
  }
  return all;
}

Bits Packet::meta(std::uint32_t key, std::size_t size) const {
  std::string name = interface;
  name.resize(IFNAMSIZ);
  switch (key) {
    case NFT_META_IIFNAME:
      return is_reply() ? Bits::unknown(size) : Bits::of(name);
    case NFT_META_IIF:
      return is_reply() ? Bits::unknown(size) : bits_of(interface_index);
    case NFT_META_OIFNAME:
      return is_reply() ? Bits::of(name) : Bits::unknown(size);
    case NFT_META_OIF:
      return is_reply() ? bits_of(interface_index) : Bits::unknown(size);
    case NFT_META_PROTOCOL:
      return bits_of(htons(is_ipv6 ? ETH_P_IPV6 : ETH_P_IP));
    case NFT_META_NFPROTO:
      return byte(is_ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
    case NFT_META_L4PROTO:
      return byte(IPPROTO_TCP);
    case NFT_META_MARK:
      return bits_of(mark);
    case NFT_META_PKTTYPE:
      return byte(0);  // for this host
    default:
      return Bits::unknown(size);
  }
}

std::uint32_t Packet::state() const {
  switch (tracking) {
    case Tracking::not_yet:
      return NF_CT_STATE_INVALID_BIT;
    case Tracking::answering:
      return NF_CT_STATE_BIT(IP_CT_ESTABLISHED_REPLY);
    default:
      return NF_CT_STATE_BIT(IP_CT_NEW);
  }
}

Bits Packet::conntrack(std::uint32_t key, std::size_t size) const {
  const bool is_led = tracking == Tracking::led || is_reply();
  switch (key) {
    case NFT_CT_STATE:
      return bits_of(state());
    case NFT_CT_STATUS: {
      Bits bits = bits_of(conntrack_status(is_led, is_reply()));
      bits.known = bits_of(std::uint32_t{IPS_DST_NAT | IPS_EXPECTED | IPS_SEEN_REPLY}).value;
      return bits;
    }
    case NFT_CT_DIRECTION:
      return byte(is_reply() ? IP_CT_DIR_REPLY : IP_CT_DIR_ORIGINAL);
    case NFT_CT_L3PROTOCOL:
      return byte(is_ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
    case NFT_CT_PROTOCOL:
      return byte(IPPROTO_TCP);
    default:
      return Bits::unknown(size);
  }
}

Bits Packet::payload(std::uint32_t base, std::size_t offset, std::size_t size) const {
  if (base == NFT_PAYLOAD_LL_HEADER) {
    Bits header = Bits::unknown(kEthernetBytes);
    set(header, kEthernetBytes - 2, bits_of(htons(is_ipv6 ? ETH_P_IPV6 : ETH_P_IP)));
    return header.part(offset, size);
  }
  if (base == NFT_PAYLOAD_NETWORK_HEADER) {
    Bits header = Bits::unknown(is_ipv6 ? 40 : 20);
    set(header, 0, is_ipv6 ? Bits{"\x60", "\xf0"} : byte(0x45));
    set(header, is_ipv6 ? 6 : 9, byte(IPPROTO_TCP));
    // A whole packet: neither a fragment nor followed by one.
    if (!is_ipv6) set(header, 6, {std::string(2, '\0'), "\x3f\xff"});
    return header.part(offset, size);
  }
  if (base != NFT_PAYLOAD_TRANSPORT_HEADER) return Bits::unknown(size);
  Bits header = Bits::unknown(kTransportBytes);
  set(header, is_reply() ? 0 : 2, bits_of(htons(port)));
  // The first packet of each direction; of the options only the header's length depends on them.
  set(header, 13, byte(is_reply() ? kSyn | kAck : kSyn));
  return header.part(offset, size);
}

/// The other end's address is taken for one that is routed back by the same interface.
Bits Packet::fib(std::uint32_t result, std::uint32_t flags) const {
  const bool is_of_source = (flags & NFTA_FIB_F_SADDR) != 0;
  const bool is_of_host = is_of_source == is_reply();
  if ((flags & NFTA_FIB_F_PRESENT) != 0) return byte(1);
  if (result == NFT_FIB_RESULT_ADDRTYPE)
    return bits_of(std::uint32_t{is_of_host ? std::uint32_t{RTN_LOCAL} : std::uint32_t{RTN_UNICAST}});
  if (is_of_host) return Bits::unknown(result == NFT_FIB_RESULT_OIF ? 4 : IFNAMSIZ);
  if (result == NFT_FIB_RESULT_OIF) return bits_of(interface_index);
  std::string name = interface;
  name.resize(IFNAMSIZ);
  return Bits::of(name);
}

}  // namespace certlatch
