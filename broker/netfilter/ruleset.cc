// SPDX-License-Identifier: MIT
#include "broker/netfilter/ruleset.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "broker/netfilter/lease_rules.h"
#include "broker/netfilter/netfilter.h"

namespace certlatch {
namespace {

Result<std::vector<std::string>> ask(NetlinkSocket& socket, int type, int flags, const std::string& what,
                                     Family family = Family::inet) {
  return socket.ask((NFNL_SUBSYS_NFTABLES << 8) | type, flags,
                    netfilter_header(std::to_underlying(family)) + what);
}

Result<std::vector<std::string>> rules_of(NetlinkSocket& socket, const Gate& chain) {
  return ask(socket, NFT_MSG_GETRULE, NLM_F_DUMP, named(chain.table, chain.chain), chain.family);
}

/// The beginning of a transaction, or its end.
std::string frame(int type, const std::string& attributes = {}) {
  return netlink_message(type, 0, netfilter_header(NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES) + attributes);
}

/// The kernel says which message failed and, within it, which attribute; both are ours, so they have names.
Error explain(const std::string& failed, const std::string& answer, int code) {
  // A message's first byte is the family, its first attribute the table's name; of a rule's, the second is
  // its chain's.
  const std::string name = text_of(find(failed, {NFTA_RULE_TABLE}));
  const std::string table =
      fmt::format("table {} {}", name_of(static_cast<Family>(failed[NLMSG_HDRLEN])), name);
  if (code == EPERM && name == kLeaseTable)
    return Error::conflict(
        fmt::format("another process, probably another certlatchd, holds {}: stop it and try again", table));
  if (code == EPERM)
    return Error::conflict(
        fmt::format("{} belongs to another process, which lets nobody else change it: let that one's own "
                    "configuration hold the gate, and say `gate = static`",
                    table));
  const bool is_missing = code == ENOENT || code == EOPNOTSUPP || code == EINVAL;
  if (is_missing && (name == kLeaseTable || name == kGuardTable))
    return Error::conflict(
        (header_of(failed)->nlmsg_type & 0xff) == NFT_MSG_NEWTABLE
            ? "this kernel has no tables that end with their owner: Linux 5.12 or later is "
              "needed"
            : "this kernel lacks a part of nftables that an opening needs: nft_chain_nat, "
              "nft_nat, nft_ct, nft_fib_inet, built in or as modules");
  // Of our message, the answer repeats only the header (NETLINK_CAP_ACK).
  const nlattr* offset = find(answer, {NLMSGERR_ATTR_OFFS}, sizeof(nlmsgerr));
  if (code != ENOENT || offset == nullptr) return Error::system("change " + table, code);
  const auto* culprit = reinterpret_cast<const nlattr*>(failed.data() + mnl_attr_get_u32(offset));
  const bool is_chain = mnl_attr_get_type(culprit) == NFTA_RULE_CHAIN;
  if (!is_chain && mnl_attr_get_type(culprit) != NFTA_RULE_TABLE)
    return Error::system("change " + table, code);
  return Error::conflict(fmt::format("{}{} does not exist: `certlatch-policy suggest` names those that do",
                                     is_chain ? fmt::format("chain `{}` in ", text_of(culprit)) : "", table));
}

constexpr std::uint32_t kNoHook = NF_INET_NUMHOOKS;
struct Chain {
  Gate place;
  std::uint32_t hook = kNoHook;  // of a base chain
  std::int32_t priority = 0;     // of a base chain
};

/// Of the three IP families.
Result<std::vector<Chain>> all_chains(NetlinkSocket& socket) {
  std::vector<Chain> chains;
  for (const Family family : {Family::ip, Family::ip6, Family::inet})
    for (const std::string& chain : TRY(ask(socket, NFT_MSG_GETCHAIN, NLM_F_DUMP, {}, family))) {
      const nlattr* hook = find(chain, {NFTA_CHAIN_HOOK, NFTA_HOOK_HOOKNUM});
      chains.push_back(
          {{family, text_of(find(chain, {NFTA_CHAIN_TABLE})), text_of(find(chain, {NFTA_CHAIN_NAME}))},
           hook == nullptr ? kNoHook : be32_of(hook),
           static_cast<std::int32_t>(be32_of(find(chain, {NFTA_CHAIN_HOOK, NFTA_HOOK_PRIORITY})))});
    }
  return chains;
}

/// The statements of a rule that decide about a packet, as `nft --debug=netlink` prints them: "cmp eq reg 1
/// 0x0000901f".
std::vector<std::string> statements_of(const std::string& message) {
  std::vector<std::string> all;
  const std::unique_ptr<nftnl_rule, decltype(&nftnl_rule_free)> rule(nftnl_rule_alloc(), nftnl_rule_free);
  if (rule == nullptr || nftnl_rule_nlmsg_parse(header_of(message), rule.get()) != 0) return all;
  const auto keep = [](nftnl_expr* expression, void* statements) {
    std::array<char, 512> facts{};
    nftnl_expr_snprintf(facts.data(), facts.size(), expression, NFTNL_OUTPUT_DEFAULT, 0);
    const auto text = fmt::format("{} {}", nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), facts.data());
    if (!text.starts_with("counter ") && !text.starts_with("match name comment "))
      static_cast<std::vector<std::string>*>(statements)->push_back(text);
    return 0;
  };
  nftnl_expr_foreach(rule.get(), keep, &all);
  return all;
}

bool is_gate(const std::string& rule, const OpeningEntry& entry) {
  // Few rules have the mark's bytes anywhere in them; those that do are read in full.
  if (!rule.contains(raw(entry.mark))) return false;
  const std::string ours = netlink_message(0, 0, netfilter_header(NFPROTO_INET) + gate_rule(entry));
  const auto comment = bytes_of(find(rule, {NFTA_RULE_USERDATA}));
  return (comment.empty() || comment == bytes_of(find(ours, {NFTA_RULE_USERDATA}))) &&
         statements_of(rule) == statements_of(ours);
}

/// Is `port` eq, neq, lt, lte, gt or gte `other`?
bool compares(std::uint16_t port, std::string_view how, std::uint16_t other) {
  if (port == other) return how == "eq" || how == "lte" || how == "gte";
  return how == "neq" || how.starts_with(port < other ? 'l' : 'g');
}

/// `set_holds` says whether a set of the rule's table holds the port.
bool diverts(const std::string& rule, std::uint16_t port, const auto& set_holds) {
  bool is_port_loaded = false;
  bool names_port = false;
  for (const std::string& statement : statements_of(rule)) {
    std::array<char, 4> how{};
    std::array<char, NFT_NAME_MAXLEN> set{};
    unsigned bytes = 0;
    const bool is_comparison =
        std::sscanf(statement.c_str(), "cmp %3s reg %*u 0x%x", how.data(), &bytes) == 2;
    const bool is_lookup = std::sscanf(statement.c_str(), "lookup reg %*u set %255s", set.data()) == 1;
    if (is_port_loaded && (is_comparison || is_lookup)) {
      if (is_comparison ? !compares(port, how.data(), ntohs(static_cast<std::uint16_t>(bytes)))
                        : set_holds(set.data()) == statement.ends_with(" 0x1 "))  // 1: what is not in it
        return false;
      names_port = true;
    } else {
      is_port_loaded = statement.starts_with("payload load 2b @ transport header + 2 ");
    }
    constexpr std::string_view kLeading[] = {
        "nat dnat ",          "redir ", "tproxy ", "target name DNAT ", "target name REDIRECT ",
        "target name TPROXY "};
    const auto begins = [&](std::string_view what) { return statement.starts_with(what); };
    if (names_port && std::ranges::any_of(kLeading, begins)) return true;
  }
  return false;
}

}  // namespace

std::string change(int type, int flags, const std::string& attributes, Family family) {
  return netlink_message((NFNL_SUBSYS_NFTABLES << 8) | type, flags | NLM_F_ACK,
                         netfilter_header(std::to_underlying(family)) + attributes);
}

static_assert(int{NFTA_SET_TABLE} == NFTA_RULE_TABLE && int{NFTA_SET_NAME} == NFTA_RULE_CHAIN);
static_assert(int{NFTA_SET_ELEM_LIST_TABLE} == NFTA_RULE_TABLE);
static_assert(int{NFTA_SET_ELEM_LIST_SET} == NFTA_RULE_CHAIN);
std::string named(const std::string& table, const std::string& chain_or_set) {
  return attr_text(NFTA_RULE_TABLE, table) + attr_text(NFTA_RULE_CHAIN, chain_or_set);
}

Result<void> commit(NetlinkSocket& socket, const std::string& changes,
                    std::optional<std::uint32_t> generation) {
  std::string bytes = frame(NFNL_MSG_BATCH_BEGIN, generation ? attr_be32(NFNL_BATCH_GENID, *generation) : "");
  auto messages = messages_of(changes);
  for (std::uint32_t number = 1; std::string & message : messages) {
    reinterpret_cast<nlmsghdr*>(message.data())->nlmsg_seq = number++;
    bytes += message;
  }
  TRY(socket.send(bytes + frame(NFNL_MSG_BATCH_END)));
  // The kernel carries the whole transaction out within send(): every answer waits by now. An acknowledged
  // message is not a committed one: one that fails later takes all of them back.
  const auto answers = TRY(socket.receive());
  for (const std::string& answer : answers) {
    const int code = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header_of(answer)))->error;
    const std::uint32_t number = header_of(answer)->nlmsg_seq;
    if (code == 0) continue;
    if (number > 0) return fail(explain(messages.at(number - 1), answer, code));
    if (code != EPERM) return fail(Error::system("change the ruleset", code));
    return fail(Error::refused(
        "the kernel lets certlatchd change no ruleset: it needs the capability CAP_NET_ADMIN"));
  }
  if (answers.size() < messages.size()) return fail(Error::system("change the ruleset", ENOBUFS));
  return {};
}

Result<std::uint32_t> generation(NetlinkSocket& socket) {
  return be32_of(find(TRY(ask(socket, NFT_MSG_GETGEN, 0, {})).at(0), {NFTA_GEN_ID}));
}

Result<bool> exists(NetlinkSocket& socket, int type, const std::string& what) {
  const auto answer = ask(socket, type, 0, what);
  if (!answer && answer.error().sys_errno != ENOENT) return fail(answer.error());
  return answer.has_value();
}

Result<std::int32_t> lowest_input_priority(NetlinkSocket& socket) {
  std::int32_t lowest = 0;  // that of iptables-legacy, which is not among the chains
  for (const Chain& chain : TRY(all_chains(socket)))
    if (chain.hook == NF_INET_LOCAL_IN) lowest = std::min(lowest, chain.priority);
  return lowest;
}

Result<std::optional<std::string>> find_nat_rule(NetlinkSocket& socket, std::uint16_t port) {
  const auto chains = TRY(all_chains(socket));
  const auto table_of = [](const Gate& chain) { return std::pair(chain.family, chain.table); };
  std::set<std::pair<Family, std::string>> tables;  // with a chain of prerouting
  for (const Chain& chain : chains)
    if (chain.hook == NF_INET_PRE_ROUTING && chain.place.table != kLeaseTable)
      tables.insert(table_of(chain.place));
  for (const auto& [place, hook, priority] : chains) {
    // A chain without a hook may be jumped to from prerouting, as Docker's is; one of another hook is not.
    if (!tables.contains(table_of(place)) || (hook != NF_INET_PRE_ROUTING && hook != kNoHook)) continue;
    // The kernel looks into intervals itself. A key of another type is not in the set.
    const auto holds = [&](const std::string& set) {
      const auto key = attr_nest(NFTA_SET_ELEM_KEY, attr_bytes(NFTA_DATA_VALUE, raw(htons(port))));
      return ask(socket, NFT_MSG_GETSETELEM, 0,
                 named(place.table, set) +
                     attr_nest(NFTA_SET_ELEM_LIST_ELEMENTS, attr_nest(NFTA_LIST_ELEM, key)),
                 place.family)
          .has_value();
    };
    for (const std::string& rule : TRY(rules_of(socket, place)))
      if (diverts(rule, port, holds)) return place.text();
  }
  return std::nullopt;
}

Result<std::set<std::uint64_t>> find_gates(NetlinkSocket& socket, const Gate& place,
                                           const OpeningEntry& entry) {
  std::set<std::uint64_t> handles;
  // The kernel counts rules to find the place where a long dump goes on, and counts those of an unfinished
  // transaction among them: without a warning, a rule may be answered twice, or not at all. Hence a set, and
  // a second look when nothing was found.
  for (int look = 0; look < 2 && handles.empty(); ++look)
    for (const std::string& rule : TRY(rules_of(socket, place)))
      if (is_gate(rule, entry)) handles.insert(be64toh(mnl_attr_get_u64(find(rule, {NFTA_RULE_HANDLE}))));
  return handles;
}

}  // namespace certlatch
