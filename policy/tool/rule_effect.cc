// SPDX-License-Identifier: MIT
#include "policy/tool/rule_effect.h"

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace certlatch {
namespace {

std::string_view text(const nftnl_expr* statement, std::uint16_t attribute) {
  const char* text = nftnl_expr_get_str(statement, attribute);
  return text != nullptr ? text : "";
}
std::string_view data(const nftnl_expr* statement, std::uint16_t attribute) {
  std::uint32_t size = 0;
  const void* bytes = nftnl_expr_get(statement, attribute, &size);
  return bytes != nullptr ? std::string_view(static_cast<const char*>(bytes), size) : std::string_view();
}
std::uint32_t number(const nftnl_expr* statement, std::uint16_t attribute) {
  return nftnl_expr_get_u32(statement, attribute);
}

/// The four registers of 16 bytes, which are as well sixteen of 4 bytes.
class Registers {
 public:
  /// The kernel fills the last four bytes with zeros.
  void write(std::uint32_t name, Bits bits) {
    const std::size_t at = offset(name);
    const std::size_t whole = (bits.value.size() + 3) / 4 * 4;
    bits.value.resize(whole);
    bits.known.resize(whole, '\xff');
    for (std::size_t i = 0; i < bits.value.size() && at + i < kBytes; ++i) {
      all_.value[at + i] = bits.value[i];
      all_.known[at + i] = bits.known[i];
    }
  }
  [[nodiscard]] Bits read(std::uint32_t name, std::size_t size) const {
    return all_.part(offset(name), size);
  }
  void forget() { all_ = Bits::unknown(kBytes); }

 private:
  static constexpr std::size_t kBytes = 64;
  static std::size_t offset(std::uint32_t name) {
    if (name >= NFT_REG32_00) return std::min<std::size_t>((name - NFT_REG32_00) * std::size_t{4}, kBytes);
    return name == 0 ? kBytes : std::min((name - 1) * std::size_t{16}, kBytes);
  }
  Bits all_ = Bits::unknown(kBytes);
};

Match equal(const Bits& bits, std::string_view wanted) {
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (((bits.value[i] ^ wanted[i]) & bits.known[i]) != 0) return Match::no;
  return bits.is_known() ? Match::yes : Match::maybe;
}
Match inverted(Match match) {
  return match == Match::maybe ? match : match == Match::yes ? Match::no : Match::yes;
}
Match match_if(bool is_so) { return is_so ? Match::yes : Match::no; }

Match compare(const Bits& bits, std::uint32_t operation, std::string_view wanted) {
  if (operation == NFT_CMP_EQ) return equal(bits, wanted);
  if (operation == NFT_CMP_NEQ) return inverted(equal(bits, wanted));
  if (!bits.is_known()) return Match::maybe;
  const int order = std::memcmp(bits.value.data(), wanted.data(), wanted.size());
  switch (operation) {
    case NFT_CMP_LT:
      return match_if(order < 0);
    case NFT_CMP_LTE:
      return match_if(order <= 0);
    case NFT_CMP_GT:
      return match_if(order > 0);
    default:
      return match_if(order >= 0);
  }
}

/// (bits & mask) ^ xor, which knows as well what the mask takes away.
Bits masked(Bits bits, std::string_view mask, std::string_view flips) {
  for (std::size_t i = 0; i < bits.value.size() && i < mask.size() && i < flips.size(); ++i) {
    bits.value[i] = static_cast<char>((bits.value[i] & mask[i]) ^ flips[i]);
    bits.known[i] = static_cast<char>(bits.known[i] | ~mask[i]);
  }
  return bits;
}

Bits byte_swapped(Bits bits, std::size_t size) {
  for (std::size_t at = 0; size > 0 && at + size <= bits.value.size(); at += size) {
    std::reverse(bits.value.begin() + static_cast<long>(at),
                 bits.value.begin() + static_cast<long>(at + size));
    std::reverse(bits.known.begin() + static_cast<long>(at),
                 bits.known.begin() + static_cast<long>(at + size));
  }
  return bits;
}

class Reading {
 public:
  Reading(const Chain& chain, const Firewall& firewall, Packet& packet)
      : chain_(chain), firewall_(firewall), packet_(packet) {}

  std::vector<Effect> of(const Rule& rule) {
    for (const nftnl_expr* statement : rule.statements) {
      read(statement);
      if (match_ == Match::no || is_over_) break;
    }
    return std::move(effects_);
  }

 private:
  void read(const nftnl_expr* statement);
  bool load(const nftnl_expr* statement, std::string_view name);
  bool act(const nftnl_expr* statement, std::string_view name);
  void look_up(const nftnl_expr* statement);
  void verdict(std::uint32_t code, std::string chain, Match match);
  void end_with(Act act) {
    effects_.push_back({act, {}, match_});
    is_over_ = true;
  }
  void narrow(Match match) { match_ = std::min(match_, match); }

  const Chain& chain_;
  const Firewall& firewall_;
  Packet& packet_;
  Registers registers_;
  Match match_ = Match::yes;
  bool is_over_ = false;
  std::vector<Effect> effects_;
};

void Reading::verdict(std::uint32_t code, std::string chain, Match match) {
  switch (static_cast<std::int32_t>(code)) {
    case NFT_JUMP:
      return effects_.push_back({Act::jump, std::move(chain), match});
    case NFT_GOTO:
      return effects_.push_back({Act::go_to, std::move(chain), match});
    case NFT_RETURN:
      return effects_.push_back({Act::leave, {}, match});
    case NFT_CONTINUE:
    case NFT_BREAK:
      return;
    case NF_ACCEPT:
      return effects_.push_back({Act::accept, {}, match});
    default:  // a drop, or a queue, of which nobody knows the end
      return effects_.push_back({Act::drop, {}, match});
  }
}

/// Statements that put something into a register.
bool Reading::load(const nftnl_expr* statement, std::string_view name) {
  if (name == "payload" && nftnl_expr_is_set(statement, NFTNL_EXPR_PAYLOAD_DREG)) {
    registers_.write(number(statement, NFTNL_EXPR_PAYLOAD_DREG),
                     packet_.payload(number(statement, NFTNL_EXPR_PAYLOAD_BASE),
                                     number(statement, NFTNL_EXPR_PAYLOAD_OFFSET),
                                     number(statement, NFTNL_EXPR_PAYLOAD_LEN)));
  } else if (name == "meta" && nftnl_expr_is_set(statement, NFTNL_EXPR_META_DREG)) {
    registers_.write(number(statement, NFTNL_EXPR_META_DREG),
                     packet_.meta(number(statement, NFTNL_EXPR_META_KEY), 16));
  } else if (name == "ct" && nftnl_expr_is_set(statement, NFTNL_EXPR_CT_DREG)) {
    const std::uint32_t key = number(statement, NFTNL_EXPR_CT_KEY);
    // Without connection tracking only the state has an answer.
    if (packet_.tracking == Tracking::not_yet && key != NFT_CT_STATE) narrow(Match::no);
    const bool is_of_request = nftnl_expr_is_set(statement, NFTNL_EXPR_CT_DIR) &&
                               nftnl_expr_get_u8(statement, NFTNL_EXPR_CT_DIR) == 0;
    registers_.write(number(statement, NFTNL_EXPR_CT_DREG),
                     key == NFT_CT_PROTO_DST && is_of_request
                         ? bits_of(static_cast<std::uint16_t>(__builtin_bswap16(packet_.original_port)))
                         : packet_.conntrack(key, 16));
  } else if (name == "fib") {
    registers_.write(
        number(statement, NFTNL_EXPR_FIB_DREG),
        packet_.fib(number(statement, NFTNL_EXPR_FIB_RESULT), number(statement, NFTNL_EXPR_FIB_FLAGS)));
  } else if (name == "bitwise") {
    const std::size_t size = number(statement, NFTNL_EXPR_BITWISE_LEN);
    const Bits bits = registers_.read(number(statement, NFTNL_EXPR_BITWISE_SREG), size);
    const bool is_mask = number(statement, NFTNL_EXPR_BITWISE_OP) == NFT_BITWISE_BOOL;
    registers_.write(number(statement, NFTNL_EXPR_BITWISE_DREG),
                     is_mask ? masked(bits, data(statement, NFTNL_EXPR_BITWISE_MASK),
                                      data(statement, NFTNL_EXPR_BITWISE_XOR))
                             : Bits::unknown(size));
  } else if (name == "byteorder") {
    const std::size_t size = number(statement, NFTNL_EXPR_BYTEORDER_LEN);
    registers_.write(number(statement, NFTNL_EXPR_BYTEORDER_DREG),
                     byte_swapped(registers_.read(number(statement, NFTNL_EXPR_BYTEORDER_SREG), size),
                                  number(statement, NFTNL_EXPR_BYTEORDER_SIZE)));
  } else if (name == "immediate" && number(statement, NFTNL_EXPR_IMM_DREG) != NFT_REG_VERDICT) {
    registers_.write(number(statement, NFTNL_EXPR_IMM_DREG), Bits::of(data(statement, NFTNL_EXPR_IMM_DATA)));
  } else {
    return false;
  }
  return true;
}

/// Statements that decide, change the packet, or only look on.
bool Reading::act(const nftnl_expr* statement, std::string_view name) {
  if (name == "immediate") {
    verdict(number(statement, NFTNL_EXPR_IMM_VERDICT), std::string(text(statement, NFTNL_EXPR_IMM_CHAIN)),
            match_);
    is_over_ = true;
  } else if (name == "reject" || name == "queue" || name == "fwd") {
    end_with(Act::drop);
  } else if (name == "redir" || name == "tproxy" ||
             (name == "nat" && number(statement, NFTNL_EXPR_NAT_TYPE) == NFT_NAT_DNAT)) {
    end_with(Act::lead_elsewhere);
  } else if (name == "notrack") {
    effects_.push_back({Act::stop_tracking, {}, match_});
  } else if (name == "meta") {
    const Bits mark = registers_.read(number(statement, NFTNL_EXPR_META_SREG), sizeof packet_.mark);
    if (number(statement, NFTNL_EXPR_META_KEY) == NFT_META_MARK && mark.is_known() && match_ == Match::yes)
      std::memcpy(&packet_.mark, mark.value.data(), sizeof packet_.mark);
  } else if (name == "target") {
    switch (xt_act(text(statement, NFTNL_EXPR_TG_NAME), data(statement, NFTNL_EXPR_TG_INFO))) {
      case XtAct::drops:
        end_with(Act::drop);
        break;
      case XtAct::leads_elsewhere:
        end_with(Act::lead_elsewhere);
        break;
      case XtAct::stops_tracking:
        effects_.push_back({Act::stop_tracking, {}, match_});
        break;
      case XtAct::passes:
        break;
    }
  } else {
    return name == "counter" || name == "log" || name == "last" || name == "ct" || name == "payload" ||
           name == "dup" || name == "masq" || name == "nat";
  }
  return true;
}

void Reading::look_up(const nftnl_expr* statement) {
  const std::string set(text(statement, NFTNL_EXPR_LOOKUP_SET));
  const bool is_map = nftnl_expr_is_set(statement, NFTNL_EXPR_LOOKUP_DREG);
  const std::uint32_t target = is_map ? number(statement, NFTNL_EXPR_LOOKUP_DREG) : 0;
  const bool is_inverted = (number(statement, NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV) != 0;
  const auto size = firewall_.key_bytes(chain_, set);
  const Bits key = registers_.read(number(statement, NFTNL_EXPR_LOOKUP_SREG), size.value_or(0));
  const bool is_known = size && key.is_known();
  const auto found = is_known ? firewall_.look_up(chain_, set, key.value)
                     : is_map ? firewall_.elements(chain_, set)
                              : std::nullopt;
  const Match match = found && is_known ? match_if(!found->empty()) : Match::maybe;
  narrow(is_inverted ? inverted(match) : match);
  if (!is_map || match_ == Match::no) return;
  if (target != NFT_REG_VERDICT) {
    const bool is_one = is_known && found && found->size() == 1;
    registers_.write(target, is_one ? Bits::of(found->front().data) : Bits::unknown(16));
    return;
  }
  is_over_ = true;
  // Out of sight, it may do anything.
  if (!found) return end_with(Act::drop);
  std::vector<std::pair<std::uint32_t, std::string>> told;
  for (const Element& element : *found) {
    const std::pair each(element.verdict.value_or(NF_ACCEPT), element.chain);
    if (std::ranges::find(told, each) == told.end()) verdict(each.first, each.second, match_);
    told.push_back(each);
  }
}

void Reading::read(const nftnl_expr* statement) {
  const std::string_view name = text(statement, NFTNL_EXPR_NAME);
  if (load(statement, name)) return;
  if (name == "cmp") {
    const std::string_view wanted = data(statement, NFTNL_EXPR_CMP_DATA);
    const Bits bits = registers_.read(number(statement, NFTNL_EXPR_CMP_SREG), wanted.size());
    return narrow(compare(bits, number(statement, NFTNL_EXPR_CMP_OP), wanted));
  }
  if (name == "range") {
    const std::string_view from = data(statement, NFTNL_EXPR_RANGE_FROM_DATA);
    const Bits bits = registers_.read(number(statement, NFTNL_EXPR_RANGE_SREG), from.size());
    const Match match = std::min(compare(bits, NFT_CMP_GTE, from),
                                 compare(bits, NFT_CMP_LTE, data(statement, NFTNL_EXPR_RANGE_TO_DATA)));
    const bool is_inverted = number(statement, NFTNL_EXPR_RANGE_OP) == NFT_RANGE_NEQ;
    return narrow(is_inverted ? inverted(match) : match);
  }
  if (name == "lookup") return look_up(statement);
  if (name == "match") {
    return narrow(xt_match(text(statement, NFTNL_EXPR_MT_NAME), number(statement, NFTNL_EXPR_MT_REV),
                           data(statement, NFTNL_EXPR_MT_INFO), packet_));
  }
  // A socket of its own does not wait for this packet, and it carries no IPv6 extension header.
  if (name == "socket") return narrow(Match::no);
  if (name == "exthdr" && number(statement, NFTNL_EXPR_EXTHDR_OP) == NFT_EXTHDR_OP_IPV6) {
    const bool asks_presence = (number(statement, NFTNL_EXPR_EXTHDR_FLAGS) & NFT_EXTHDR_F_PRESENT) != 0;
    registers_.write(number(statement, NFTNL_EXPR_EXTHDR_DREG), Bits::of(std::string(1, '\0')));
    return asks_presence ? void() : narrow(Match::no);
  }
  if (act(statement, name)) return;
  // Rates, quotas, sets that fill themselves, and what later kernels bring.
  registers_.forget();
  narrow(Match::maybe);
}

}  // namespace

std::vector<Effect> effects_of(const Rule& rule, const Chain& chain, const Firewall& firewall,
                               Packet& packet) {
  return Reading(chain, firewall, packet).of(rule);
}

}  // namespace certlatch
