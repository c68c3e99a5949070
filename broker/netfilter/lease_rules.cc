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

#include "broker/netfilter/netfilter.h"
#include "broker/netfilter/ruleset.h"

namespace certlatch {
namespace {

// Chains. No chain is named by a word of nft's language, or a saved ruleset would not load.
constexpr char kNat[] = "lease_nat";
constexpr char kMark[] = "lease_mark";
constexpr char kCut[] = "lease_cut";
constexpr char kHush[] = "lease_hush";

constexpr std::uint32_t kOwnerFlag = 0x2;   // NFT_TABLE_F_OWNER: the table goes when our socket closes
constexpr std::uint32_t kServiceType = 13;  // nft's data type inet_service

// As nft keeps comments: type 0, length, text and NUL.
constexpr std::string_view kGateComment("\0\12certlatch\0", 12);

std::string value(int type, std::string_view bytes) {
  return attr_nest(type, attr_bytes(NFTA_DATA_VALUE, bytes));
}

/// `numbers` are attributes by their type, `more` those that are no numbers.
std::string expression(const std::string& name, std::initializer_list<std::pair<int, std::uint32_t>> numbers,
                       std::string_view more = {}) {
  std::string data;
  for (const auto& [type, number] : numbers) data += attr_be32(type, number);
  return attr_nest(NFTA_LIST_ELEM,
                   attr_text(NFTA_EXPR_NAME, name) + attr_nest(NFTA_EXPR_DATA, data.append(more)));
}

// Every value goes through register 1, as iptables-nft does it.
std::string meta(std::uint32_t key) {
  return expression("meta", {{NFTA_META_KEY, key}, {NFTA_META_DREG, NFT_REG_1}});
}
std::string payload(std::uint32_t base, std::uint32_t offset, std::uint32_t size) {
  return expression("payload", {{NFTA_PAYLOAD_DREG, NFT_REG_1},
                                {NFTA_PAYLOAD_BASE, base},
                                {NFTA_PAYLOAD_OFFSET, offset},
                                {NFTA_PAYLOAD_LEN, size}});
}
std::string tcp_header(std::uint32_t offset, std::uint32_t size) {
  return payload(NFT_PAYLOAD_TRANSPORT_HEADER, offset, size);
}
std::string masked(const std::string& mask) {
  return expression("bitwise",
                    {{NFTA_BITWISE_SREG, NFT_REG_1},
                     {NFTA_BITWISE_DREG, NFT_REG_1},
                     {NFTA_BITWISE_LEN, static_cast<std::uint32_t>(mask.size())}},
                    value(NFTA_BITWISE_MASK, mask) + value(NFTA_BITWISE_XOR, std::string(mask.size(), '\0')));
}
std::string is(std::string_view what, std::uint32_t operation = NFT_CMP_EQ) {
  return expression("cmp", {{NFTA_CMP_SREG, NFT_REG_1}, {NFTA_CMP_OP, operation}},
                    value(NFTA_CMP_DATA, what));
}
std::string is_in(const std::string& set, std::uint32_t flags = 0) {
  return expression("lookup", {{NFTA_LOOKUP_SREG, NFT_REG_1}, {NFTA_LOOKUP_FLAGS, flags}},
                    attr_text(NFTA_LOOKUP_SET, set));
}
std::string load(std::uint32_t target, std::string_view what) {
  return expression("immediate", {{NFTA_IMMEDIATE_DREG, target}}, value(NFTA_IMMEDIATE_DATA, what));
}

// The statements of rules, each with what `nft` prints for it; a rule is a list of them, made with `+`. All
// that a user's chain ever gets from us is tcp(), port(), mark() and verdict(): iptables-save writes a broken
// ruleset for a table that holds set or conntrack statements.

// iifname "eth0", iifname != "lo"
std::string input_interface(std::string name, std::uint32_t operation = NFT_CMP_EQ) {
  name.resize(IFNAMSIZ);
  return meta(NFT_META_IIFNAME) + is(name, operation);
}
// meta nfproto ipv4
std::string ipv4() { return meta(NFT_META_NFPROTO) + is(raw(std::uint8_t{NFPROTO_IPV4})); }
// meta l4proto tcp
std::string tcp() { return meta(NFT_META_L4PROTO) + is(raw(std::uint8_t{IPPROTO_TCP})); }
// tcp dport 8080
std::string port(std::uint16_t port) { return tcp_header(2, 2) + is(raw(htons(port))); }
// tcp sport 8080
std::string source_port(std::uint16_t port) { return tcp_header(0, 2) + is(raw(htons(port))); }
// tcp dport @open_http
std::string port_in(const std::string& set) { return tcp_header(2, 2) + is_in(set); }
// tcp flags syn / fin,syn,rst,ack
std::string syn() { return tcp_header(13, 1) + masked("\x17") + is("\x02"); }
// fib daddr type local
std::string local_destination() {
  return expression("fib", {{NFTA_FIB_DREG, NFT_REG_1},
                            {NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE},
                            {NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR}}) +
         is(raw(std::uint32_t{RTN_LOCAL}));
}
// ct status dnat
std::string destination_nat() {
  return expression("ct", {{NFTA_CT_DREG, NFT_REG_1}, {NFTA_CT_KEY, NFT_CT_STATUS}}) +
         masked(raw(std::uint32_t{IPS_DST_NAT})) + is(raw(std::uint32_t{0}), NFT_CMP_NEQ);
}
// ct original proto-dst, which is() or is_in() goes on with
std::string original_port() {
  return expression("ct", {{NFTA_CT_DREG, NFT_REG_1}, {NFTA_CT_KEY, NFT_CT_PROTO_DST}},
                    attr_bytes(NFTA_CT_DIRECTION, raw(std::uint8_t{IP_CT_DIR_ORIGINAL})));
}
// meta mark 0xac3e0050
std::string mark(std::uint32_t mark) { return meta(NFT_META_MARK) + is(raw(mark)); }
// meta mark set 0xac3e0050
std::string set_mark(std::uint32_t mark) {
  return load(NFT_REG_1, raw(mark)) +
         expression("meta", {{NFTA_META_KEY, NFT_META_MARK}, {NFTA_META_SREG, NFT_REG_1}});
}
// dnat to :8080, dnat ip to 127.0.0.1:8080
std::string destination(const OpeningEntry& entry) {
  std::string loads = load(NFT_REG_1, raw(htons(entry.to_port)));
  std::string registers = attr_be32(NFTA_NAT_REG_PROTO_MIN, NFT_REG_1);
  // Without an address the connection keeps the one it was made to, and one rule serves IPv4 and IPv6.
  if (entry.to_loopback) {
    loads += load(NFT_REG_2, raw(htonl(INADDR_LOOPBACK)));
    registers += attr_be32(NFTA_NAT_REG_ADDR_MIN, NFT_REG_2);
  }
  const std::uint32_t family = entry.to_loopback ? NFPROTO_IPV4 : NFPROTO_INET;
  return loads + expression("nat",
                            {{NFTA_NAT_TYPE, NFT_NAT_DNAT},
                             {NFTA_NAT_FAMILY, family},
                             {NFTA_NAT_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED}},
                            registers);
}
// accept, drop: NF_ACCEPT, NF_DROP
std::string verdict(std::uint32_t verdict) {
  const std::string code = attr_nest(NFTA_DATA_VERDICT, attr_be32(NFTA_VERDICT_CODE, verdict));
  return expression("immediate", {{NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT}},
                    attr_nest(NFTA_IMMEDIATE_DATA, code));
}

std::string table(const char* name, std::uint32_t flags) {
  return change(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL,
                attr_text(NFTA_TABLE_NAME, name) + attr_be32(NFTA_TABLE_FLAGS, flags));
}

std::string chain(const char* table, const char* name, const char* type, std::uint32_t hook,
                  std::int32_t priority) {
  const std::string where = attr_be32(NFTA_HOOK_HOOKNUM, hook) +
                            attr_be32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(priority));
  return change(NFT_MSG_NEWCHAIN, NLM_F_CREATE,
                attr_text(NFTA_CHAIN_TABLE, table) + attr_text(NFTA_CHAIN_NAME, name) +
                    attr_nest(NFTA_CHAIN_HOOK, where) + attr_text(NFTA_CHAIN_TYPE, type));
}

std::string rule(const char* table, const char* chain, const std::string& statements) {
  return change(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
                named(table, chain) + attr_nest(NFTA_RULE_EXPRESSIONS, statements));
}

// At this priority packets have not met NAT yet: whatever names 127.0.0.0/8 then came so from the wire.
std::string guard(const char* table, const char* name) {
  std::string changes = chain(table, name, "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW);
  constexpr std::uint32_t kSource = 12, kDestination = 16;     // in the header of IPv4
  for (const std::uint32_t address : {kDestination, kSource})  // ip daddr 127.0.0.0/8, ip saddr 127.0.0.0/8
    changes +=
        rule(table, name,
             input_interface("lo", NFT_CMP_NEQ) + ipv4() + payload(NFT_PAYLOAD_NETWORK_HEADER, address, 1) +
                 is(raw(std::uint8_t{IN_LOOPBACKNET})) + verdict(NF_DROP));
  return changes;
}

std::string lease_rules(const OpeningEntry& entry) {
  std::string changes;
  const std::string open = set_of(entry);
  // Without a local destination, a router would take its clients' connections to other hosts; without the
  // SYN, connection tracking that has only just begun would take those that a web server has already.
  const std::string divert = (entry.to_loopback ? ipv4() : "") + tcp() + port_in(open) + syn() +
                             local_destination() + destination(entry);
  const std::string let_in =
      tcp() + port(entry.to_port) + destination_nat() + original_port() + is_in(open) + set_mark(entry.mark);
  for (const std::string& interface : entry.interfaces)
    changes += rule(kLeaseTable, kNat, input_interface(interface) + divert) +
               rule(kLeaseTable, kMark, input_interface(interface) + let_in);
  // Connections outlive the rule that admitted them; this ends them with the lease, both ways.
  const std::string drop_what_is_over = destination_nat() + original_port() + is(raw(htons(entry.port))) +
                                        original_port() + is_in(open, NFT_LOOKUP_F_INV) + verdict(NF_DROP);
  return changes + rule(kLeaseTable, kCut, tcp() + port(entry.to_port) + drop_what_is_over) +
         rule(kLeaseTable, kHush, tcp() + source_port(entry.to_port) + drop_what_is_over);
}

}  // namespace

std::string gate_rule(const OpeningEntry& entry) {
  const std::string statements = tcp() + port(entry.to_port) + mark(entry.mark) + verdict(NF_ACCEPT);
  return attr_nest(NFTA_RULE_EXPRESSIONS, statements) + attr_bytes(NFTA_RULE_USERDATA, kGateComment);
}

std::string new_gate(const Gate& place, const OpeningEntry& entry) {
  return change(NFT_MSG_NEWRULE, NLM_F_CREATE, named(place.table, place.chain) + gate_rule(entry),
                place.family);
}

std::string set_of(const OpeningEntry& entry) { return "open_" + entry.name; }

std::string new_lease_table(std::int32_t lowest_priority) {
  constexpr std::int32_t kRoom = 3;
  const std::int32_t lowest = std::max(lowest_priority, std::numeric_limits<std::int32_t>::min() + kRoom);
  return table(kLeaseTable, kOwnerFlag) +
         // Before the admin's own destination NAT, which is for the connections that no lease takes.
         chain(kLeaseTable, kNat, "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST - 1) +
         chain(kLeaseTable, kMark, "filter", NF_INET_LOCAL_IN, lowest - 2) +
         chain(kLeaseTable, kCut, "filter", NF_INET_LOCAL_IN, lowest - 3) +
         chain(kLeaseTable, kHush, "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER);
}

std::string new_lease(const OpeningEntry& entry, std::chrono::milliseconds time) {
  const std::string set = named(kLeaseTable, set_of(entry));
  // Without a timeout of the set's own, an element that forgot its would be permanent.
  const std::uint64_t longest = entry.at_most * std::uint64_t{1000};
  // What nft needs to print the elements, as it keeps notes: type, size, and the value that says that keys
  // are big-endian.
  const std::string note = std::string("\0\4", 2) + raw(std::uint32_t{2});
  const std::string element = value(NFTA_SET_ELEM_KEY, raw(htons(entry.port))) +
                              attr_be64(NFTA_SET_ELEM_TIMEOUT, static_cast<std::uint64_t>(time.count()));
  return change(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL,
                set + attr_be32(NFTA_SET_ID, 1) + attr_be32(NFTA_SET_KEY_TYPE, kServiceType) +
                    attr_be32(NFTA_SET_KEY_LEN, sizeof entry.port) +
                    attr_be32(NFTA_SET_FLAGS, NFT_SET_TIMEOUT) + attr_be64(NFTA_SET_TIMEOUT, longest) +
                    attr_nest(NFTA_SET_DESC, attr_be32(NFTA_SET_DESC_SIZE, 1)) +
                    attr_bytes(NFTA_SET_USERDATA, note)) +
         change(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL,
                set + attr_nest(NFTA_SET_ELEM_LIST_ELEMENTS, attr_nest(NFTA_LIST_ELEM, element))) +
         // A reload of the admin's ruleset flushes the guard's own table, but never this one.
         (entry.to_loopback ? guard(kLeaseTable, "lease_guard") : "") + lease_rules(entry);
}

std::string end_of(const OpeningEntry& entry) {
  // A deletion that names no element deletes all, and it is no error when the kernel has done so.
  return change(NFT_MSG_DELSETELEM, 0, named(kLeaseTable, set_of(entry)));
}

std::string removal_of(const OpeningEntry& entry, const std::vector<OpeningEntry>& others) {
  if (others.empty()) return removal_of_table(kLeaseTable);
  std::string changes;
  // A deletion that names no rule deletes all of the chain's.
  for (const char* name : {kNat, kMark, kCut, kHush})
    changes += change(NFT_MSG_DELRULE, 0, named(kLeaseTable, name));
  changes += change(NFT_MSG_DELSET, 0, named(kLeaseTable, set_of(entry)));
  for (const OpeningEntry& other : others) changes += lease_rules(other);
  return changes;
}

std::string removal_of_table(const char* name) {
  return change(NFT_MSG_DELTABLE, 0, attr_text(NFTA_TABLE_NAME, name));
}

std::string new_guard_table() { return table(kGuardTable, 0) + guard(kGuardTable, "guard"); }

}  // namespace certlatch
