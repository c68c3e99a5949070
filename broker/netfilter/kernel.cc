// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <set>

#include "broker/netfilter/batch.h"
#include "broker/netfilter/connections.h"
#include "broker/netfilter/lease_rules.h"
#include "broker/netfilter/netfilter.h"
#include "broker/netfilter/ruleset.h"

namespace certlatch {
namespace {

/// How often a transaction is tried again because others changed the ruleset while it was prepared.
constexpr int kAttempts = 20;

struct Sockets {
  NetlinkSocket owner;    // owns the lease table: closing it is closing every opening
  NetlinkSocket look;     // dumps, and changes of everything but the lease table; connection tracking
  NetlinkSocket events;   // hears of every change
  NetlinkSocket sockets;  // asks which sockets listen
};

// Of an opening, what a transaction takes out.
constexpr unsigned kGates = 1, kElement = 2, kRules = 4;

class KernelNetfilter : public Netfilter {
 public:
  explicit KernelNetfilter(Sockets sockets) : s_(std::move(sockets)) {}

  Result<std::vector<Listener>> listeners(std::uint16_t port) override {
    return tcp_listeners(s_.sockets, port);
  }
  Result<std::optional<std::string>> nat_rule(std::uint16_t port) override {
    return find_nat_rule(s_.look, port, kLeaseTable);
  }

  Result<void> open(const OpeningEntry& entry, std::chrono::milliseconds time) override;
  Result<void> shut(const OpeningEntry& entry) override { return take_out(entry, kElement); }
  Result<std::string> remove(const OpeningEntry& entry) override;
  void abandon() override {
    s_.owner.close();
    open_.clear();
  }
  Result<void> cut_flows(const OpeningEntry& entry) override {
    return forget_connections(s_.look, entry.port, entry.to_port);
  }

  std::vector<GateChange> restore_gates(const OpeningEntry& entry) override;
  Result<void> remove_gates(const OpeningEntry& entry) override { return take_out(entry, kGates); }
  Result<void> remove_stale_table() override;

  Result<bool> put_guard() override;
  Result<void> remove_guard() override;

  int events() const override { return s_.events.fd(); }
  std::optional<std::string> changed_by() override;

 private:
  Result<void> take_out(const OpeningEntry& entry, unsigned parts);

  Sockets s_;
  std::vector<OpeningEntry> open_;  // in the lease table
  std::set<std::string> lost_;      // places of gates whose chain went away
};

Result<void> KernelNetfilter::open(const OpeningEntry& entry, std::chrono::milliseconds time) {
  if (!s_.owner.is_open())
    return fail(
        Error::conflict("certlatchd had to give up its table when an opening could not be shut: restart it"));
  Batch batch(s_.owner);
  if (open_.empty()) {
    const auto priority = lowest_input_priority(s_.look);
    if (!priority) return fail(priority.error());
    put_lease_table(batch, *priority);
  }
  put_lease(batch, entry, time);
  for (const Gate& gate : entry.gates) batch.insert_rule(gate, gate_rule(entry));
  if (auto done = batch.commit(); !done) return done;
  open_.push_back(entry);
  lost_.clear();
  return {};
}

Result<std::string> KernelNetfilter::remove(const OpeningEntry& entry) {
  const auto all = take_out(entry, kRules | kGates);
  if (all) return std::string();
  // Gates that nobody lets us remove are no reason to keep the rest.
  if (const auto rules = take_out(entry, kRules); !rules) return fail(rules.error());
  return all.error().message;
}

Result<void> KernelNetfilter::take_out(const OpeningEntry& entry, unsigned parts) {
  std::vector<OpeningEntry> others = open_;
  std::erase_if(others, [&](const OpeningEntry& other) { return other.name == entry.name; });
  const bool is_ours = (parts & ~kGates) != 0 && s_.owner.is_open();
  for (int attempt = 1;; ++attempt) {
    // Handles are looked up and used within one generation: a reload in between could give them to other
    // rules.
    const auto now =
        (parts & kGates) != 0 ? generation(s_.look) : Result<std::optional<std::uint32_t>>(std::nullopt);
    if (!now) return fail(now.error());
    Batch batch(is_ours ? s_.owner : s_.look, *now);
    const auto has_lease = is_ours ? has_set(s_.look, kLeaseTable, set_of(entry)) : Result<bool>(false);
    if (!has_lease) return fail(has_lease.error());
    if (*has_lease && (parts & kElement) != 0) put_end(batch, entry);
    if (*has_lease && (parts & kRules) != 0) put_removal(batch, entry, others);
    for (const Gate& gate : (parts & kGates) != 0 ? entry.gates : std::vector<Gate>()) {
      const auto found = find_gates(s_.look, gate, entry);
      if (!found) return fail(found.error());
      for (const std::uint64_t handle : *found) batch.delete_rule(gate, handle);
    }
    const auto committed = batch.is_empty() ? Result<void>() : batch.commit();
    const int code = committed ? 0 : committed.error().sys_errno;
    if ((code == kStaleGeneration || code == ENOBUFS) && attempt < kAttempts) continue;
    if (committed && (parts & kRules) != 0) open_ = std::move(others);
    return committed;
  }
}

std::vector<GateChange> KernelNetfilter::restore_gates(const OpeningEntry& entry) {
  std::vector<GateChange> changes;
  for (const Gate& gate : entry.gates) {
    const auto found = find_gates(s_.look, gate, entry);
    if (found && !found->empty()) continue;
    Batch batch(s_.look);
    batch.insert_rule(gate, gate_rule(entry));
    const auto put_back = found ? batch.commit() : fail(found.error());
    const bool was_lost = lost_.erase(gate.text()) > 0;
    if (!put_back) lost_.insert(gate.text());
    if (put_back || !was_lost) changes.push_back({gate.text(), put_back});
  }
  return changes;
}

Result<void> KernelNetfilter::remove_stale_table() {
  const auto owner = owner_of(s_.look, kLeaseTable);
  if (!owner) return fail(owner.error());
  if (*owner == TableOwner::no_table) return {};
  if (*owner == TableOwner::somebody)
    return fail(Error::conflict(
        "another process, probably another certlatchd, holds table inet certlatch: stop it and try again"));
  Batch batch(s_.look);
  batch.delete_table(kLeaseTable);
  return batch.commit();
}

Result<bool> KernelNetfilter::put_guard() {
  const auto owner = owner_of(s_.look, kGuardTable);
  if (!owner) return fail(owner.error());
  if (*owner != TableOwner::no_table) return false;
  Batch batch(s_.look);
  put_guard_table(batch);
  if (auto done = batch.commit(); !done) return fail(done.error());
  return true;
}

Result<void> KernelNetfilter::remove_guard() {
  const auto owner = owner_of(s_.look, kGuardTable);
  if (!owner) return fail(owner.error());
  if (*owner == TableOwner::no_table) return {};
  Batch batch(s_.look);
  batch.delete_table(kGuardTable);
  return batch.commit();
}

std::optional<std::string> KernelNetfilter::changed_by() {
  std::optional<std::string> by;
  for (;;) {
    const auto datagram = s_.events.receive();
    if (!datagram) {
      if (datagram.error().sys_errno != ENOBUFS) return by;
      by = "a change too large to follow";
      continue;
    }
    if (datagram->empty()) return by;
    for_each_message(*datagram, [&](const nlmsghdr* message) {
      if (message->nlmsg_type != ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN)) return;
      if (message->nlmsg_pid == s_.owner.port() || message->nlmsg_pid == s_.look.port()) return;
      const auto facts = attributes<NFTA_GEN_PROC_NAME>(message, sizeof(nfgenmsg));
      by = fmt::format("{} (pid {})", text_of(facts[NFTA_GEN_PROC_NAME]), be32_of(facts[NFTA_GEN_PROC_PID]));
    });
  }
}

}  // namespace

Result<std::unique_ptr<Netfilter>> Netfilter::open_kernel() {
  auto owner = NetlinkSocket::open(NETLINK_NETFILTER);
  auto look = NetlinkSocket::open(NETLINK_NETFILTER);
  auto events = NetlinkSocket::open(NETLINK_NETFILTER, NFNLGRP_NFTABLES);
  auto sockets = NetlinkSocket::open(NETLINK_SOCK_DIAG);
  for (const auto* socket : {&owner, &look, &events, &sockets})
    if (!*socket) return fail(socket->error());
  return std::make_unique<KernelNetfilter>(
      Sockets{std::move(*owner), std::move(*look), std::move(*events), std::move(*sockets)});
}

}  // namespace certlatch
