// SPDX-License-Identifier: MIT
#include "broker/netfilter/rule_reading.h"

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "broker/netfilter/lease_rules.h"

namespace certlatch {
namespace {

template <auto Free>
struct Freed {
  void operator()(auto* object) const { Free(object); }
};
using ParsedRule = std::unique_ptr<nftnl_rule, Freed<nftnl_rule_free>>;
using Iterator = std::unique_ptr<nftnl_expr_iter, Freed<nftnl_expr_iter_destroy>>;

std::string_view text(const nftnl_expr* expression, std::uint16_t attribute) {
  const char* text = nftnl_expr_get_str(expression, attribute);
  return text != nullptr ? text : "";
}

/// The expressions that decide about a packet; they point into the rule.
std::vector<nftnl_expr*> deciding(const nlmsghdr* message, ParsedRule& rule) {
  rule.reset(nftnl_rule_alloc());
  std::vector<nftnl_expr*> all;
  if (rule == nullptr || nftnl_rule_nlmsg_parse(message, rule.get()) != 0) return all;
  const Iterator expressions(nftnl_expr_iter_create(rule.get()));
  if (expressions == nullptr) throw std::bad_alloc();
  while (nftnl_expr* next = nftnl_expr_iter_next(expressions.get())) {
    const std::string_view name = text(next, NFTNL_EXPR_NAME);
    if (name != "counter" && !(name == "match" && text(next, NFTNL_EXPR_MT_NAME) == "comment"))
      all.push_back(next);
  }
  return all;
}

/// As `nft --debug=netlink` prints them: "cmp eq reg 1 0x0000901f".
std::string description(const nlmsghdr* message) {
  ParsedRule rule;
  std::string all;
  for (const nftnl_expr* expression : deciding(message, rule)) {
    std::array<char, 512> line{};
    nftnl_expr_snprintf(line.data(), line.size(), expression, NFTNL_OUTPUT_DEFAULT, 0);
    all.append(text(expression, NFTNL_EXPR_NAME)).append(" ").append(line.data()).append("\n");
  }
  return all;
}

std::string comment_of(const nlmsghdr* message) {
  const nlattr* data = attributes<NFTA_RULE_USERDATA>(message, sizeof(nfgenmsg))[NFTA_RULE_USERDATA];
  if (data == nullptr) return {};
  return {static_cast<const char*>(mnl_attr_get_payload(data)), mnl_attr_get_payload_len(data)};
}

/// `comparison` is of a destination port.
bool is_fulfilled(const nftnl_expr* comparison, std::uint16_t port) {
  std::uint16_t wire = 0;
  std::uint32_t size = 0;
  const void* data = nftnl_expr_get(comparison, NFTNL_EXPR_CMP_DATA, &size);
  if (data == nullptr || size != sizeof wire) return false;
  std::memcpy(&wire, data, sizeof wire);
  const int difference = port - ntohs(wire);
  const auto operation = nftnl_expr_get_u32(comparison, NFTNL_EXPR_CMP_OP);
  return operation == NFT_CMP_EQ    ? difference == 0
         : operation == NFT_CMP_NEQ ? difference != 0
         : operation == NFT_CMP_LT  ? difference < 0
         : operation == NFT_CMP_LTE ? difference <= 0
         : operation == NFT_CMP_GT  ? difference > 0
                                    : difference >= 0;
}

bool loads_port(const nftnl_expr* expression) {
  return text(expression, NFTNL_EXPR_NAME) == "payload" &&
         nftnl_expr_get_u32(expression, NFTNL_EXPR_PAYLOAD_BASE) == NFT_PAYLOAD_TRANSPORT_HEADER &&
         nftnl_expr_get_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET) == 2 &&
         nftnl_expr_get_u32(expression, NFTNL_EXPR_PAYLOAD_LEN) == 2;
}

bool leads_elsewhere(const nftnl_expr* expression) {
  const std::string_view name = text(expression, NFTNL_EXPR_NAME);
  if (name == "nat") return nftnl_expr_get_u32(expression, NFTNL_EXPR_NAT_TYPE) == NFT_NAT_DNAT;
  const std::string_view target = name == "target" ? text(expression, NFTNL_EXPR_TG_NAME) : "";
  return name == "redir" || name == "tproxy" || target == "DNAT" || target == "REDIRECT" ||
         target == "TPROXY";
}

}  // namespace

bool is_gate(const nlmsghdr* message, const OpeningEntry& entry) {
  // Few rules have the mark's bytes anywhere in them; those that do are read in full.
  const std::string_view bytes(reinterpret_cast<const char*>(message), message->nlmsg_len);
  if (bytes.find({reinterpret_cast<const char*>(&entry.mark), sizeof entry.mark}) == bytes.npos) return false;
  const std::string ours = netlink_message((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWRULE, 0, 0,
                                           netfilter_header(NFPROTO_INET), gate_rule(entry));
  const auto* gate = reinterpret_cast<const nlmsghdr*>(ours.data());
  const std::string comment = comment_of(message);
  return (comment.empty() || comment == comment_of(gate)) && description(message) == description(gate);
}

bool diverts(const nlmsghdr* message, std::uint16_t port,
             const std::function<bool(const std::string& set)>& set_holds) {
  ParsedRule rule;
  bool is_port_loaded = false;
  bool names_port = false;
  for (const nftnl_expr* expression : deciding(message, rule)) {
    const std::string_view name = text(expression, NFTNL_EXPR_NAME);
    if (is_port_loaded && (name == "cmp" || name == "lookup")) {
      const bool is_match =
          name == "cmp" ? is_fulfilled(expression, port)
                        : set_holds(std::string(text(expression, NFTNL_EXPR_LOOKUP_SET))) !=
                              (nftnl_expr_get_u32(expression, NFTNL_EXPR_LOOKUP_FLAGS) == NFT_LOOKUP_F_INV);
      if (!is_match) return false;
      names_port = true;
    } else {
      is_port_loaded = loads_port(expression);
    }
    if (names_port && leads_elsewhere(expression)) return true;
  }
  return false;
}

}  // namespace certlatch
