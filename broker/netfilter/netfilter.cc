// SPDX-License-Identifier: MIT
#include "broker/netfilter/netfilter.h"

#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "broker/netfilter/lease_rules.h"
#include "broker/netfilter/ruleset.h"

namespace certlatch {
namespace {

/// How often a transaction is tried again because others changed the ruleset while it was prepared.
constexpr int kAttempts = 20;

Result<bool> has_table(NetlinkSocket& socket, const char* table) {
  return exists(socket, NFT_MSG_GETTABLE, attr_text(NFTA_TABLE_NAME, table));
}

/// When nothing was `found`, it is put there by `change`; true when it had to be.
template <class Found>
Result<bool> put_missing(NetlinkSocket& socket, const Result<Found>& found, const std::string& change) {
  if (TRY(found) != Found()) return false;
  TRY(commit(socket, change));
  return true;
}

}  // namespace

Result<std::unique_ptr<Netfilter>> Netfilter::open_kernel() {
  auto made = std::make_unique<Netfilter>();
  made->owner_ = TRY(NetlinkSocket::open(NETLINK_NETFILTER));
  made->look_ = TRY(NetlinkSocket::open(NETLINK_NETFILTER));
  made->events_ = TRY(NetlinkSocket::open(NETLINK_NETFILTER, NFNLGRP_NFTABLES));
  made->sockets_ = TRY(NetlinkSocket::open(NETLINK_SOCK_DIAG));
  return made;
}

Result<void> Netfilter::check_free(std::uint16_t port) {
  constexpr char kRemedy[] = "say `share = yes` to take its new connections while the lease lasts";
  if (const auto address = TRY(find_listener(port)))
    return fail(Error::conflict(fmt::format(
        "port {} is in use, by a program that listens on {}: stop it, or {}", port, *address, kRemedy)));
  if (const auto chain = TRY(find_nat_rule(look_, port)))
    return fail(Error::conflict(fmt::format(
        "a NAT rule in chain {} leads port {} elsewhere already: remove it, or {}", *chain, port, kRemedy)));
  return {};
}

Result<void> Netfilter::open(const OpeningEntry& entry, std::chrono::milliseconds time) {
  if (owner_.fd() < 0)
    return fail(
        Error::conflict("certlatchd had to give up its table when an opening could not be shut: restart it"));
  std::string changes;
  if (open_.empty()) changes += new_lease_table(TRY(lowest_input_priority(look_)));
  changes += new_lease(entry, time);
  if (entry.to_loopback && !TRY(has_table(look_, kGuardTable))) changes += new_guard_table();
  for (const Gate& gate : entry.gates) changes += new_gate(gate, entry);
  TRY(commit(owner_, changes));
  open_.push_back(entry);
  lost_.clear();
  return {};
}

/// Not when open() failed, nor after abandon().
Result<bool> Netfilter::has_rules(const OpeningEntry& entry) {
  return owner_.fd() < 0 ? false : exists(look_, NFT_MSG_GETSET, named(kLeaseTable, set_of(entry)));
}

Result<void> Netfilter::shut(const OpeningEntry& entry) {
  return TRY(has_rules(entry)) ? commit(owner_, end_of(entry)) : Result<void>();
}

Result<void> Netfilter::remove(const OpeningEntry& entry) {
  std::erase_if(open_, [&](const OpeningEntry& other) { return other.name == entry.name; });
  return TRY(has_rules(entry)) ? commit(owner_, removal_of(entry, open_)) : Result<void>();
}

Result<void> Netfilter::remove_gates(const OpeningEntry& entry) {
  for (int attempt = 1;; ++attempt) {
    // Handles are looked up and used within one generation: a reload in between could give them to other
    // rules.
    const std::uint32_t now = TRY(generation(look_));
    std::string changes;
    for (const Gate& gate : entry.gates)
      for (const std::uint64_t handle : TRY(find_gates(look_, gate, entry)))
        changes += change(NFT_MSG_DELRULE, 0,
                          named(gate.table, gate.chain) + attr_be64(NFTA_RULE_HANDLE, handle), gate.family);
    if (changes.empty()) return {};
    const auto done = commit(look_, changes, now);
    const bool is_worth_another =
        !done && (done.error().sys_errno == kStaleGeneration || done.error().sys_errno == ENOBUFS);
    if (!is_worth_another || attempt == kAttempts) return done;
  }
}

void Netfilter::abandon() {
  owner_ = {};
  open_.clear();
}

Result<void> Netfilter::remove_table(const char* table) {
  return TRY(has_table(look_, table)) ? commit(look_, removal_of_table(table)) : Result<void>();
}

std::vector<std::string> Netfilter::restore() {
  std::vector<std::string> log;
  const auto by = changed_by();
  if (!by) return log;
  const auto tell = [&](const std::string& what, const Result<bool>& put_back) {
    const bool is_known = lost_.erase(what) > 0;
    if (!put_back) lost_.insert(what);
    if (put_back ? *put_back : !is_known)
      log.push_back(
          fmt::format("{} was removed by {} and {}", what, *by,
                      put_back ? "put back" : "could not be put back: " + put_back.error().message));
  };
  for (const OpeningEntry& entry : open_) {
    if (entry.to_loopback)
      tell("the guard of route_localnet",
           put_missing(look_, has_table(look_, kGuardTable), new_guard_table()));
    for (const Gate& gate : entry.gates)
      tell("gate in " + gate.text(),
           put_missing(look_, find_gates(look_, gate, entry), new_gate(gate, entry)));
  }
  return log;
}

/// Who else changed the ruleset since the last call: "nft (pid 123)"; nothing when nobody did.
std::optional<std::string> Netfilter::changed_by() {
  const auto changes = events_.receive();
  if (!changes) return "a change too large to follow";
  std::optional<std::string> by;
  for (const std::string& change : *changes) {
    const auto* header = header_of(change);
    if (header->nlmsg_type == ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN) &&
        header->nlmsg_pid != owner_.port() && header->nlmsg_pid != look_.port())
      by = fmt::format("{} (pid {})", text_of(find(change, {NFTA_GEN_PROC_NAME})),
                       be32_of(find(change, {NFTA_GEN_PROC_PID})));
  }
  return by;
}

}  // namespace certlatch
