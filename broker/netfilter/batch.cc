// SPDX-License-Identifier: MIT
#include "broker/netfilter/batch.h"

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "broker/netfilter/lease_rules.h"

namespace certlatch {

Batch::Batch(NetlinkSocket& socket, std::optional<std::uint32_t> generation)
    : socket_(socket), first_(socket.next_sequence()) {
  bytes_ =
      netlink_message(NFNL_MSG_BATCH_BEGIN, 0, first_, netfilter_header(NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES),
                      generation ? attr_be32(NFNL_BATCH_GENID, *generation) : std::string());
}

void Batch::put(int type, int flags, const std::string& attributes, Family family) {
  ++count_;
  bytes_ += netlink_message((NFNL_SUBSYS_NFTABLES << 8) | type, flags | NLM_F_ACK, socket_.next_sequence(),
                            netfilter_header(number_of(family)), attributes);
}

void Batch::delete_table(const std::string& table) {
  put(NFT_MSG_DELTABLE, 0, attr_text(NFTA_TABLE_NAME, table));
}

void Batch::insert_rule(const Gate& place, const std::string& rule) {
  put(NFT_MSG_NEWRULE, NLM_F_CREATE,
      attr_text(NFTA_RULE_TABLE, place.table) + attr_text(NFTA_RULE_CHAIN, place.chain) + rule, place.family);
}

void Batch::delete_rule(const Gate& place, std::uint64_t handle) {
  put(NFT_MSG_DELRULE, 0,
      attr_text(NFTA_RULE_TABLE, place.table) + attr_text(NFTA_RULE_CHAIN, place.chain) +
          attr_be64(NFTA_RULE_HANDLE, handle),
      place.family);
}

Result<void> Batch::commit() {
  bytes_ += netlink_message(NFNL_MSG_BATCH_END, 0, socket_.next_sequence(),
                            netfilter_header(NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES), {});
  if (auto sent = socket_.send(bytes_); !sent) return sent;

  // The kernel carries the whole transaction out within send(): every answer waits by now.
  std::optional<Error> failure;
  unsigned acknowledged = 0;
  for (;;) {
    const auto datagram = socket_.receive();
    if (!datagram) return fail(failure.value_or(datagram.error()));
    if (datagram->empty()) break;
    for_each_message(*datagram, [&](const nlmsghdr* answer) {
      const bool is_ours = answer->nlmsg_seq - first_ <= count_;  // not left over from an earlier transaction
      if (!is_ours || answer->nlmsg_type != NLMSG_ERROR) return;
      const bool is_good = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer))->error == 0;
      acknowledged += is_good ? 1 : 0;
      if (!is_good && !failure) failure = explain(answer);
    });
  }
  // An acknowledged message is not a committed one: one that fails later takes all of them back.
  if (failure) return fail(*failure);
  if (acknowledged < count_) return fail(Error::system("change the ruleset", ENOBUFS));
  return {};
}

/// The kernel says which message failed and, within it, which attribute; both are ours, so they have names.
Error Batch::explain(const nlmsghdr* answer) const {
  const int code = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer))->error;
  const nlmsghdr* failed = nullptr;
  for_each_message(bytes_, [&](const nlmsghdr* message) {
    if (message->nlmsg_seq == answer->nlmsg_seq) failed = message;
  });
  if (code == EPERM && (failed == nullptr || failed->nlmsg_type == NFNL_MSG_BATCH_BEGIN))
    return Error::refused(
        "the kernel lets certlatchd change no ruleset: it needs the capability CAP_NET_ADMIN");
  if (failed == nullptr || (failed->nlmsg_type >> 8) != NFNL_SUBSYS_NFTABLES)
    return Error::system("change the ruleset", code);

  // The first attribute of every kind of message is the table's name; of a rule's, the second is its chain's.
  const auto named = attributes<NFTA_RULE_CHAIN>(failed, sizeof(nfgenmsg));
  const auto* header = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(failed));
  const std::string name = text_of(named[NFTA_RULE_TABLE]);
  const std::string table = fmt::format("table {} {}", name_of(family_of(header->nfgen_family)), name);
  if (code == EPERM)
    return Error::conflict(
        table +
        " belongs to another process, which lets nobody else change it: let that one's own "
        "configuration hold the gate, and say `gate = static`");
  const bool is_missing = code == ENOENT || code == EOPNOTSUPP || code == EINVAL;
  if (is_missing && (name == kLeaseTable || name == kGuardTable))
    return Error::conflict(
        (failed->nlmsg_type & 0xff) == NFT_MSG_NEWTABLE
            ? "this kernel has no tables that end with their owner: Linux 5.12 or later is "
              "needed"
            : "this kernel lacks a part of nftables that an opening needs: nft_chain_nat, "
              "nft_nat, nft_ct, nft_fib_inet, built in or as modules");
  // NETLINK_CAP_ACK: of our message, the answer repeats only the header.
  const auto facts = (answer->nlmsg_flags & NLM_F_ACK_TLVS) != 0
                         ? attributes<NLMSGERR_ATTR_OFFS>(answer, sizeof(nlmsgerr))
                         : Attributes<NLMSGERR_ATTR_OFFS>();
  const auto is_culprit = [&](const nlattr* attribute) {
    const auto place = reinterpret_cast<const char*>(attribute) - reinterpret_cast<const char*>(failed);
    return code == ENOENT && attribute != nullptr && facts[NLMSGERR_ATTR_OFFS] != nullptr &&
           place == mnl_attr_get_u32(facts[NLMSGERR_ATTR_OFFS]);
  };
  constexpr char kRemedy[] = "does not exist: `certlatch-policy suggest` names those that do";
  if (is_culprit(named[NFTA_RULE_TABLE])) return Error::conflict(fmt::format("{} {}", table, kRemedy));
  if (is_culprit(named[NFTA_RULE_CHAIN]))
    return Error::conflict(
        fmt::format("chain `{}` in {} {}", text_of(named[NFTA_RULE_CHAIN]), table, kRemedy));
  return Error::system("change " + table, code);
}

}  // namespace certlatch
