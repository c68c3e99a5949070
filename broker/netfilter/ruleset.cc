// SPDX-License-Identifier: MIT
#include "broker/netfilter/ruleset.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

#include "broker/netfilter/lease_rules.h"
#include "broker/netfilter/rule_reading.h"

namespace certlatch {
namespace {

Result<std::string> ask(NetlinkSocket& socket, int type, std::uint8_t family, int flags,
                        const std::string& what) {
  return socket.ask((NFNL_SUBSYS_NFTABLES << 8) | type, flags, netfilter_header(family), what);
}

/// The same for one object; nothing when it does not exist.
Result<std::string> find(NetlinkSocket& socket, int type, std::uint8_t family, const std::string& what) {
  auto answer = ask(socket, type, family, 0, what);
  if (!answer && answer.error().sys_errno == ENOENT) return std::string();
  return answer;
}

struct ChainFound {
  std::uint8_t family = 0;
  std::string table;
  std::string name;
  std::string type;                   // of a base chain
  std::optional<std::uint32_t> hook;  // of a base chain
  std::int32_t priority = 0;
};

/// Of the three IP families.
Result<std::vector<ChainFound>> all_chains(NetlinkSocket& socket) {
  const auto answer = ask(socket, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, {});
  if (!answer) return fail(answer.error());
  std::vector<ChainFound> chains;
  for_each_message(*answer, [&](const nlmsghdr* message) {
    const auto family = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message))->nfgen_family;
    if (family != NFPROTO_IPV4 && family != NFPROTO_IPV6 && family != NFPROTO_INET) return;
    const auto facts = attributes<NFTA_CHAIN_TYPE>(message, sizeof(nfgenmsg));
    ChainFound found{family, text_of(facts[NFTA_CHAIN_TABLE]), text_of(facts[NFTA_CHAIN_NAME]),
                     text_of(facts[NFTA_CHAIN_TYPE])};
    if (const auto hook = attributes<NFTA_HOOK_PRIORITY>(facts[NFTA_CHAIN_HOOK]);
        facts[NFTA_CHAIN_HOOK] != nullptr) {
      found.hook = be32_of(hook[NFTA_HOOK_HOOKNUM]);
      found.priority = static_cast<std::int32_t>(be32_of(hook[NFTA_HOOK_PRIORITY]));
    }
    chains.push_back(std::move(found));
  });
  return chains;
}

/// Asks for the one element: the kernel looks into intervals itself. A key of another type is not in the set.
bool set_holds(NetlinkSocket& socket, const ChainFound& chain, const std::string& set, std::uint16_t port) {
  const std::string key = attr_nest(NFTA_SET_ELEM_KEY, attr_be16(NFTA_DATA_VALUE, port));
  const auto answer =
      ask(socket, NFT_MSG_GETSETELEM, chain.family, 0,
          attr_text(NFTA_SET_ELEM_LIST_TABLE, chain.table) + attr_text(NFTA_SET_ELEM_LIST_SET, set) +
              attr_nest(NFTA_SET_ELEM_LIST_ELEMENTS, attr_nest(NFTA_LIST_ELEM, key)));
  return answer.has_value();
}

}  // namespace

Result<std::optional<std::uint32_t>> generation(NetlinkSocket& socket) {
  const auto answer = ask(socket, NFT_MSG_GETGEN, NFPROTO_UNSPEC, 0, {});
  if (!answer) return fail(answer.error());
  std::uint32_t id = 0;
  for_each_message(*answer, [&](const nlmsghdr* message) {
    id = be32_of(attributes<NFTA_GEN_ID>(message, sizeof(nfgenmsg))[NFTA_GEN_ID]);
  });
  return id;
}

Result<TableOwner> owner_of(NetlinkSocket& socket, const std::string& table) {
  const auto answer = find(socket, NFT_MSG_GETTABLE, NFPROTO_INET, attr_text(NFTA_TABLE_NAME, table));
  if (!answer) return fail(answer.error());
  TableOwner owner = TableOwner::no_table;
  for_each_message(*answer, [&](const nlmsghdr* message) {
    const auto facts = attributes<NFTA_TABLE_OWNER>(message, sizeof(nfgenmsg));
    owner = facts[NFTA_TABLE_OWNER] != nullptr ? TableOwner::somebody : TableOwner::nobody;
  });
  return owner;
}

Result<bool> has_set(NetlinkSocket& socket, const std::string& table, const std::string& set) {
  const auto answer = find(socket, NFT_MSG_GETSET, NFPROTO_INET,
                           attr_text(NFTA_SET_TABLE, table) + attr_text(NFTA_SET_NAME, set));
  if (!answer) return fail(answer.error());
  return !answer->empty();
}

Result<std::int32_t> lowest_input_priority(NetlinkSocket& socket) {
  const auto chains = all_chains(socket);
  if (!chains) return fail(chains.error());
  std::int32_t lowest = 0;  // that of iptables-legacy, which is not among the chains
  for (const ChainFound& chain : *chains)
    if (chain.hook == NF_INET_LOCAL_IN) lowest = std::min(lowest, chain.priority);
  return lowest;
}

Result<std::optional<std::string>> find_nat_rule(NetlinkSocket& socket, std::uint16_t port,
                                                 const std::string& own_table) {
  const auto chains = all_chains(socket);
  if (!chains) return fail(chains.error());
  std::optional<std::string> place;
  for (const ChainFound& base : *chains) {
    if (base.hook != NF_INET_PRE_ROUTING || base.table == own_table || place) continue;
    const auto answer =
        ask(socket, NFT_MSG_GETRULE, base.family, NLM_F_DUMP, attr_text(NFTA_RULE_TABLE, base.table));
    if (!answer) return fail(answer.error());
    for_each_message(*answer, [&](const nlmsghdr* rule) {
      const std::string name = text_of(attributes<NFTA_RULE_CHAIN>(rule, sizeof(nfgenmsg))[NFTA_RULE_CHAIN]);
      // A chain without a hook may be jumped to from prerouting, as Docker's is; one of another hook is not.
      const bool is_elsewhere = std::ranges::any_of(*chains, [&](const ChainFound& chain) {
        return chain.family == base.family && chain.table == base.table && chain.name == name && chain.hook &&
               chain.hook != NF_INET_PRE_ROUTING;
      });
      const auto holds = [&](const std::string& set) { return set_holds(socket, base, set, port); };
      if (!place && !is_elsewhere && diverts(rule, port, holds))
        place = Gate{family_of(base.family), base.table, name}.text();
    });
  }
  return place;
}

Result<std::set<std::uint64_t>> find_gates(NetlinkSocket& socket, const Gate& place,
                                           const OpeningEntry& entry) {
  std::set<std::uint64_t> handles;
  // The kernel counts rules to find the place where a long dump goes on, and counts those of an unfinished
  // transaction among them: without a warning, a rule may be answered twice, or not at all. Hence a set, and
  // a second look when nothing was found.
  for (int look = 0; look < 2 && handles.empty(); ++look) {
    const auto answer =
        ask(socket, NFT_MSG_GETRULE, number_of(place.family), NLM_F_DUMP,
            attr_text(NFTA_RULE_TABLE, place.table) + attr_text(NFTA_RULE_CHAIN, place.chain));
    if (!answer) return fail(answer.error());
    for_each_message(*answer, [&](const nlmsghdr* rule) {
      if (is_gate(rule, entry))
        handles.insert(be64_of(attributes<NFTA_RULE_HANDLE>(rule, sizeof(nfgenmsg))[NFTA_RULE_HANDLE]));
    });
  }
  return handles;
}

}  // namespace certlatch
