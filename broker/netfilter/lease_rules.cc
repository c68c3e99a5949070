// SPDX-License-Identifier: MIT
#include "broker/netfilter/lease_rules.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <limits>

namespace certlatch {
namespace {

// Not a word of nft's language among them, or a saved ruleset would not load.
constexpr char kNat[] = "lease_nat";
constexpr char kMark[] = "lease_mark";
constexpr char kCut[] = "lease_cut";
constexpr char kHush[] = "lease_hush";
constexpr char kLeaseGuard[] = "lease_guard";
constexpr char kGuard[] = "guard";

constexpr std::uint32_t kOwnerFlag = 0x2;   // NFT_TABLE_F_OWNER: the table goes when our socket closes
constexpr std::uint32_t kServiceType = 13;  // nft's data type inet_service

// What nft needs to print a set's elements: type, size and value of the note that its keys are big-endian.
constexpr struct __attribute__((packed)) {
  std::uint8_t type = 0;
  std::uint8_t size = sizeof(std::uint32_t);
  std::uint32_t order = 2;
} kBigEndianKeys;

// As nft keeps comments: type 0, length, text and NUL.
constexpr std::string_view kGateComment("\0\12certlatch\0", 12);

template <class Number>
std::string native(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}
std::string wire(std::uint16_t port) { return native(htons(port)); }

std::string value(int type, std::string_view bytes) {
  return attr_nest(type, attr_bytes(NFTA_DATA_VALUE, bytes));
}

std::string expression(std::string_view name, std::string_view data) {
  return attr_nest(NFTA_LIST_ELEM, attr_text(NFTA_EXPR_NAME, name) + attr_nest(NFTA_EXPR_DATA, data));
}

// Every value goes through register 1, as iptables-nft does it.
std::string meta(std::uint32_t key) {
  return expression("meta", attr_be32(NFTA_META_KEY, key) + attr_be32(NFTA_META_DREG, NFT_REG_1));
}
std::string payload(std::uint32_t base, std::uint32_t offset, std::uint32_t size) {
  return expression("payload", attr_be32(NFTA_PAYLOAD_DREG, NFT_REG_1) + attr_be32(NFTA_PAYLOAD_BASE, base) +
                                   attr_be32(NFTA_PAYLOAD_OFFSET, offset) +
                                   attr_be32(NFTA_PAYLOAD_LEN, size));
}
std::string destination_port() { return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2); }
std::string original_destination_port() {
  return expression("ct", attr_be32(NFTA_CT_DREG, NFT_REG_1) + attr_be32(NFTA_CT_KEY, NFT_CT_PROTO_DST) +
                              attr_bytes(NFTA_CT_DIRECTION, native<std::uint8_t>(IP_CT_DIR_ORIGINAL)));
}
std::string masked(std::string_view mask) {
  return expression("bitwise", attr_be32(NFTA_BITWISE_SREG, NFT_REG_1) +
                                   attr_be32(NFTA_BITWISE_DREG, NFT_REG_1) +
                                   attr_be32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(mask.size())) +
                                   value(NFTA_BITWISE_MASK, mask) +
                                   value(NFTA_BITWISE_XOR, std::string(mask.size(), '\0')));
}
std::string is(std::string_view what, std::uint32_t operation = NFT_CMP_EQ) {
  return expression("cmp", attr_be32(NFTA_CMP_SREG, NFT_REG_1) + attr_be32(NFTA_CMP_OP, operation) +
                               value(NFTA_CMP_DATA, what));
}
std::string is_in(const std::string& set, std::uint32_t flags = 0) {
  return expression("lookup", attr_text(NFTA_LOOKUP_SET, set) + attr_be32(NFTA_LOOKUP_SREG, NFT_REG_1) +
                                  attr_be32(NFTA_LOOKUP_FLAGS, flags));
}
std::string load(std::uint32_t target, std::string_view what) {
  return expression("immediate", attr_be32(NFTA_IMMEDIATE_DREG, target) + value(NFTA_IMMEDIATE_DATA, what));
}
std::string nat(std::uint32_t family, std::string_view registers) {
  return expression("nat", attr_be32(NFTA_NAT_TYPE, NFT_NAT_DNAT) + attr_be32(NFTA_NAT_FAMILY, family) +
                               attr_be32(NFTA_NAT_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED).append(registers));
}

// The statements of rules, each with what `nft` prints for it; a rule is a list of them, made with `+`. All
// that a user's chain ever gets from us is tcp(), port(), mark() and verdict(): iptables-save writes a broken
// ruleset for a table that holds set or conntrack statements.

// iifname "eth0"
std::string input_interface(std::string name) {
  name.resize(IFNAMSIZ);
  return meta(NFT_META_IIFNAME) + is(name);
}
// iifname != "lo"
std::string not_from_loopback() {
  return meta(NFT_META_IIFNAME) + is(std::string("lo").append(IFNAMSIZ - 2, '\0'), NFT_CMP_NEQ);
}
// meta nfproto ipv4
std::string ipv4() { return meta(NFT_META_NFPROTO) + is(native<std::uint8_t>(NFPROTO_IPV4)); }
// meta l4proto tcp
std::string tcp() { return meta(NFT_META_L4PROTO) + is(native<std::uint8_t>(IPPROTO_TCP)); }
// tcp dport 8080
std::string port(std::uint16_t port) { return destination_port() + is(wire(port)); }
// tcp sport 8080
std::string source_port(std::uint16_t port) {
  return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2) + is(wire(port));
}
// tcp flags syn / fin,syn,rst,ack
std::string syn() { return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1) + masked("\x17") + is("\x02"); }
// tcp dport @open_http
std::string port_in(const std::string& set) { return destination_port() + is_in(set); }
// fib daddr type local
std::string local_destination() {
  return expression("fib", attr_be32(NFTA_FIB_DREG, NFT_REG_1) +
                               attr_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE) +
                               attr_be32(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR)) +
         is(native<std::uint32_t>(RTN_LOCAL));
}
// ct status dnat
std::string destination_nat() {
  return expression("ct", attr_be32(NFTA_CT_DREG, NFT_REG_1) + attr_be32(NFTA_CT_KEY, NFT_CT_STATUS)) +
         masked(native<std::uint32_t>(IPS_DST_NAT)) + is(native<std::uint32_t>(0), NFT_CMP_NEQ);
}
// ct original proto-dst 80
std::string original_port(std::uint16_t port) { return original_destination_port() + is(wire(port)); }
// ct original proto-dst @open_http
std::string original_port_in(const std::string& set) { return original_destination_port() + is_in(set); }
// ct original proto-dst != @open_http
std::string original_port_not_in(const std::string& set) {
  return original_destination_port() + is_in(set, NFT_LOOKUP_F_INV);
}
std::string loopback_at(std::uint32_t offset) {
  return ipv4() + payload(NFT_PAYLOAD_NETWORK_HEADER, offset, 1) + is(native<std::uint8_t>(IN_LOOPBACKNET));
}
// ip saddr 127.0.0.0/8
std::string loopback_source() { return loopback_at(12); }
// ip daddr 127.0.0.0/8
std::string loopback_destination() { return loopback_at(16); }
// meta mark 0xac3e0050
std::string mark(std::uint32_t mark) { return meta(NFT_META_MARK) + is(native(mark)); }
// meta mark set 0xac3e0050
std::string set_mark(std::uint32_t mark) {
  return load(NFT_REG_1, native(mark)) +
         expression("meta", attr_be32(NFTA_META_KEY, NFT_META_MARK) + attr_be32(NFTA_META_SREG, NFT_REG_1));
}
// Without an address the connection keeps the one it was made to, and one rule serves IPv4 and IPv6.
// dnat to :8080
std::string to_port(std::uint16_t port) {
  return load(NFT_REG_1, wire(port)) + nat(NFPROTO_INET, attr_be32(NFTA_NAT_REG_PROTO_MIN, NFT_REG_1));
}
// dnat ip to 127.0.0.1:8080
std::string to_loopback(std::uint16_t port) {
  return load(NFT_REG_1, native(htonl(INADDR_LOOPBACK))) + load(NFT_REG_2, wire(port)) +
         nat(NFPROTO_IPV4,
             attr_be32(NFTA_NAT_REG_ADDR_MIN, NFT_REG_1) + attr_be32(NFTA_NAT_REG_PROTO_MIN, NFT_REG_2));
}
// accept, drop: NF_ACCEPT, NF_DROP
std::string verdict(std::uint32_t verdict) {
  const std::string code = attr_nest(NFTA_DATA_VERDICT, attr_be32(NFTA_VERDICT_CODE, verdict));
  return expression("immediate",
                    attr_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT) + attr_nest(NFTA_IMMEDIATE_DATA, code));
}

void put_table(Batch& batch, const char* table, std::uint32_t flags) {
  batch.put(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL,
            attr_text(NFTA_TABLE_NAME, table) + attr_be32(NFTA_TABLE_FLAGS, flags));
}

void put_chain(Batch& batch, const char* table, const char* name, const char* type, std::uint32_t hook,
               std::int32_t priority) {
  const std::string where = attr_be32(NFTA_HOOK_HOOKNUM, hook) +
                            attr_be32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(priority));
  batch.put(NFT_MSG_NEWCHAIN, NLM_F_CREATE,
            attr_text(NFTA_CHAIN_TABLE, table) + attr_text(NFTA_CHAIN_NAME, name) +
                attr_nest(NFTA_CHAIN_HOOK, where) + attr_be32(NFTA_CHAIN_POLICY, NF_ACCEPT) +
                attr_text(NFTA_CHAIN_TYPE, type));
}

void append(Batch& batch, const char* table, const char* chain, const std::string& statements) {
  batch.put(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
            attr_text(NFTA_RULE_TABLE, table) + attr_text(NFTA_RULE_CHAIN, chain) +
                attr_nest(NFTA_RULE_EXPRESSIONS, statements));
}

// At this priority packets have not met NAT yet: whatever names 127.0.0.0/8 then came so from the wire.
void put_guard(Batch& batch, const char* table, const char* chain) {
  put_chain(batch, table, chain, "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW);
  append(batch, table, chain, not_from_loopback() + loopback_destination() + verdict(NF_DROP));
  append(batch, table, chain, not_from_loopback() + loopback_source() + verdict(NF_DROP));
}

void put_lease_rules(Batch& batch, const OpeningEntry& entry) {
  const std::string open = set_of(entry);
  // Without a local destination, a router would take its clients' connections to other hosts; without the
  // SYN, connection tracking that has only just begun would take those that a web server has already.
  const std::string divert = (entry.to_loopback ? ipv4() : "") + tcp() + port_in(open) + syn() +
                             local_destination() +
                             (entry.to_loopback ? to_loopback(entry.to_port) : to_port(entry.to_port));
  for (const std::string& interface : entry.interfaces) {
    append(batch, kLeaseTable, kNat, input_interface(interface) + divert);
    append(batch, kLeaseTable, kMark,
           input_interface(interface) + tcp() + port(entry.to_port) + destination_nat() +
               original_port_in(open) + set_mark(entry.mark));
  }
  // Connections outlive the rule that admitted them; this ends them with the lease, both ways.
  const std::string is_over = destination_nat() + original_port(entry.port) + original_port_not_in(open);
  append(batch, kLeaseTable, kCut, tcp() + port(entry.to_port) + is_over + verdict(NF_DROP));
  append(batch, kLeaseTable, kHush, tcp() + source_port(entry.to_port) + is_over + verdict(NF_DROP));
}

}  // namespace

std::uint8_t number_of(Family family) {
  return family == Family::ip ? NFPROTO_IPV4 : family == Family::ip6 ? NFPROTO_IPV6 : NFPROTO_INET;
}
Family family_of(std::uint8_t nfproto) {
  return nfproto == NFPROTO_IPV4 ? Family::ip : nfproto == NFPROTO_IPV6 ? Family::ip6 : Family::inet;
}

std::string gate_rule(const OpeningEntry& entry) {
  const std::string statements = tcp() + port(entry.to_port) + mark(entry.mark) + verdict(NF_ACCEPT);
  return attr_nest(NFTA_RULE_EXPRESSIONS, statements) + attr_bytes(NFTA_RULE_USERDATA, kGateComment);
}

std::string set_of(const OpeningEntry& entry) { return "open_" + entry.name; }

void put_lease_table(Batch& batch, std::int32_t lowest_priority) {
  constexpr std::int32_t kRoom = 3;
  const std::int32_t lowest = std::max(lowest_priority, std::numeric_limits<std::int32_t>::min() + kRoom);
  put_table(batch, kLeaseTable, kOwnerFlag);
  // Before the admin's own destination NAT, which is for the connections that no lease takes.
  put_chain(batch, kLeaseTable, kNat, "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST - 1);
  put_chain(batch, kLeaseTable, kMark, "filter", NF_INET_LOCAL_IN, lowest - 2);
  put_chain(batch, kLeaseTable, kCut, "filter", NF_INET_LOCAL_IN, lowest - 3);
  put_chain(batch, kLeaseTable, kHush, "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER);
}

void put_lease(Batch& batch, const OpeningEntry& entry, std::chrono::milliseconds time) {
  const std::string set = set_of(entry);
  // Without a timeout of the set's own, an element that forgot its would be permanent.
  const std::uint64_t longest = entry.at_most * std::uint64_t{1000};
  batch.put(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL,
            attr_text(NFTA_SET_TABLE, kLeaseTable) + attr_text(NFTA_SET_NAME, set) +
                attr_be32(NFTA_SET_ID, 1) + attr_be32(NFTA_SET_KEY_TYPE, kServiceType) +
                attr_be32(NFTA_SET_KEY_LEN, sizeof entry.port) + attr_be32(NFTA_SET_FLAGS, NFT_SET_TIMEOUT) +
                attr_be64(NFTA_SET_TIMEOUT, longest) +
                attr_nest(NFTA_SET_DESC, attr_be32(NFTA_SET_DESC_SIZE, 1)) +
                attr_bytes(NFTA_SET_USERDATA,
                           {reinterpret_cast<const char*>(&kBigEndianKeys), sizeof kBigEndianKeys}));
  const std::string element = attr_nest(NFTA_SET_ELEM_KEY, attr_be16(NFTA_DATA_VALUE, entry.port)) +
                              attr_be64(NFTA_SET_ELEM_TIMEOUT, static_cast<std::uint64_t>(time.count()));
  batch.put(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL,
            attr_text(NFTA_SET_ELEM_LIST_TABLE, kLeaseTable) + attr_text(NFTA_SET_ELEM_LIST_SET, set) +
                attr_nest(NFTA_SET_ELEM_LIST_ELEMENTS, attr_nest(NFTA_LIST_ELEM, element)));
  // A reload of the admin's ruleset flushes the guard's own table, but never this one.
  if (entry.to_loopback) put_guard(batch, kLeaseTable, kLeaseGuard);
  put_lease_rules(batch, entry);
}

void put_end(Batch& batch, const OpeningEntry& entry) {
  // A deletion that names no element deletes all, and it is no error when the kernel has done so.
  batch.put(
      NFT_MSG_DELSETELEM, 0,
      attr_text(NFTA_SET_ELEM_LIST_TABLE, kLeaseTable) + attr_text(NFTA_SET_ELEM_LIST_SET, set_of(entry)));
}

void put_removal(Batch& batch, const OpeningEntry& entry, const std::vector<OpeningEntry>& others) {
  if (others.empty()) {
    batch.delete_table(kLeaseTable);
    return;
  }
  // A deletion that names no rule deletes all of the chain's.
  for (const char* chain : {kNat, kMark, kCut, kHush})
    batch.put(NFT_MSG_DELRULE, 0,
              attr_text(NFTA_RULE_TABLE, kLeaseTable) + attr_text(NFTA_RULE_CHAIN, chain));
  batch.put(NFT_MSG_DELSET, 0,
            attr_text(NFTA_SET_TABLE, kLeaseTable) + attr_text(NFTA_SET_NAME, set_of(entry)));
  for (const OpeningEntry& other : others) put_lease_rules(batch, other);
}

void put_guard_table(Batch& batch) {
  put_table(batch, kGuardTable, 0);
  put_guard(batch, kGuardTable, kGuard);
}

}  // namespace certlatch
