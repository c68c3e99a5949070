// SPDX-License-Identifier: MIT
// Transactions, on the real kernel.
#include <cap-ng.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "broker/netfilter/lease_rules.h"
#include "broker/netfilter/netfilter.h"
#include "broker/netfilter/ruleset.h"
#include "tests/unit/lease/lab.h"

namespace certlatch {
namespace {

struct Kernel {
  Lab lab;
  NetlinkSocket socket;
  Kernel() : socket(std::move(*NetlinkSocket::open(NETLINK_NETFILTER))) {}
};

std::string new_table(const std::string& name, std::uint32_t flags = 0) {
  return change(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL,
                attr_text(NFTA_TABLE_NAME, name) + attr_be32(NFTA_TABLE_FLAGS, flags));
}

TEST_CASE("a transaction made for another generation of the ruleset does nothing") {
  Kernel kernel;
  const auto before = generation(kernel.socket);
  REQUIRE(before.has_value());
  Lab::load("table ip newer {}");
  const auto outcome = commit(kernel.socket, new_table("mine"), *before);
  REQUIRE(!outcome.has_value());
  CHECK(outcome.error().sys_errno == kStaleGeneration);
  CHECK(Lab::ruleset().find("mine") == std::string::npos);

  CHECK(commit(kernel.socket, new_table("mine"), *generation(kernel.socket)).has_value());
  CHECK(Lab::ruleset().find("mine") != std::string::npos);
}

TEST_CASE("one bad change takes the good ones back, though the kernel acknowledged them") {
  Kernel kernel;
  const auto outcome =
      commit(kernel.socket, new_table("good") + removal_of_table("nosuch") + new_table("better"));
  REQUIRE(!outcome.has_value());
  CHECK(outcome.error().message ==
        "table inet nosuch does not exist: `certlatch-policy suggest` names those that do");
  CHECK(Lab::ruleset().empty());
}

TEST_CASE("a table of another process is left alone, and said to be one") {
  Kernel kernel;
  auto owner = NetlinkSocket::open(NETLINK_NETFILTER);
  REQUIRE(owner.has_value());
  REQUIRE(commit(*owner, new_table("theirs", 2)).has_value());
  const auto are_there = [&] {
    return *exists(kernel.socket, NFT_MSG_GETTABLE, attr_text(NFTA_TABLE_NAME, "theirs"));
  };
  CHECK(are_there());
  const auto outcome =
      commit(kernel.socket, new_gate({Family::inet, "theirs", "input"}, {.name = "any", .to_port = 9}));
  REQUIRE(!outcome.has_value());
  CHECK(outcome.error().message ==
        "table inet theirs belongs to another process, which lets nobody else change it: let that one's own "
        "configuration hold the gate, and say `gate = static`");
  *owner = {};
  CHECK(!are_there());
}

TEST_CASE("every refusal of the kernel names what is at fault, and the remedy") {
  Kernel kernel;
  const auto refusal = [&](const std::string& changes) {
    const auto outcome = commit(kernel.socket, changes);
    return outcome ? "" : outcome.error().message;
  };
  Lab::load(base_chain("ip filter input", "filter hook input priority 0"));
  const auto insert = [&](Family family, const std::string& table, const std::string& chain) {
    return refusal(new_gate({family, table, chain}, {.name = "any", .to_port = 9}));
  };
  const std::string suggest = ": `certlatch-policy suggest` names those that do";
  CHECK(insert(Family::ip, "filter", "input").empty());
  CHECK(insert(Family::ip, "filter", "output") ==
        "chain `output` in table ip filter does not exist" + suggest);
  CHECK(insert(Family::ip, "nat", "input") == "table ip nat does not exist" + suggest);
  CHECK(insert(Family::inet, "filter", "input") == "table inet filter does not exist" + suggest);
  CHECK(insert(Family::ip6, "filter", "input") == "table ip6 filter does not exist" + suggest);
  CHECK(refusal(change(NFT_MSG_DELRULE, 0, named("filter", "input") + attr_be64(NFTA_RULE_HANDLE, 99),
                       Family::ip)) == "change table ip filter: No such file or directory");
  CHECK(refusal(new_table("twice") + new_table("twice")) == "change table inet twice: File exists");

  // Kernels that are too old, or built without a module, refuse what this one refuses here.
  CHECK(refusal(new_table(kLeaseTable, 0x80)) ==
        "this kernel has no tables that end with their owner: Linux 5.12 or later is needed");
  for (const char* type : {"nosuch", "route"}) {
    CAPTURE(type);
    const std::string hook = attr_be32(NFTA_HOOK_HOOKNUM, 0) + attr_be32(NFTA_HOOK_PRIORITY, 0);
    CHECK(refusal(new_table(kLeaseTable) +
                  change(NFT_MSG_NEWCHAIN, NLM_F_CREATE,
                         attr_text(NFTA_CHAIN_TABLE, kLeaseTable) + attr_text(NFTA_CHAIN_NAME, "chain") +
                             attr_nest(NFTA_CHAIN_HOOK, hook) + attr_text(NFTA_CHAIN_TYPE, type)))
              .starts_with("this kernel lacks a part of nftables that an opening needs: nft_chain_nat, "));
  }
  Victim unprivileged([&] {
    capng_clear(CAPNG_SELECT_ALL);
    return capng_apply(CAPNG_SELECT_ALL) == 0 &&
           insert(Family::ip, "filter", "input") ==
               "the kernel lets certlatchd change no ruleset: it needs the capability CAP_NET_ADMIN";
  });
  CHECK(unprivileged.is_ready());
}

/// The chain in one transaction: many rules, and the gate as the first or as the last of them.
Result<void> rewrite(NetlinkSocket& socket, bool is_gate_first) {
  const Gate place{Family::inet, "filter", "input"};
  const std::string gate = new_gate(place, http_entry());
  std::string changes = change(NFT_MSG_DELRULE, 0, named("filter", "input"));
  if (!is_gate_first) changes += gate;
  for (int i = 0; i < 500; ++i) changes += new_gate(place, {.name = "filler", .to_port = 9});
  if (is_gate_first) changes += gate;
  return commit(socket, changes);
}

TEST_CASE("a dump is whole while others keep changing the ruleset") {
  Kernel kernel;
  Lab::load(kFirewall);
  REQUIRE(rewrite(kernel.socket, true).has_value());
  const Victim restless(
      [] {
        auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
        for (bool is_gate_first = false;; is_gate_first = !is_gate_first) {
          if (!rewrite(*socket, is_gate_first)) return false;
          ::usleep(3000);
        }
      },
      Victim::Start::unawaited);
  constexpr int kLooks = 150;
  int right = 0;
  for (int i = 0; i < kLooks; ++i) {
    const auto found = find_gates(kernel.socket, {Family::inet, "filter", "input"}, http_entry());
    REQUIRE(found.has_value());
    right += found->size() == 1 ? 1 : 0;
  }
  CHECK(right >= kLooks - 1);  // the kernel itself may miss a rule twice in a row
}

}  // namespace
}  // namespace certlatch
