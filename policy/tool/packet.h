// SPDX-License-Identifier: MIT
// A packet of which only some bits are known: what a CA's connection to the opened port looks like to the
// chains that it passes, whoever made it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace certlatch {

/// Bytes as a register of nftables holds them. A bit is known when it is set in `known`.
struct Bits {
  std::string value;
  std::string known;  // as long as `value`

  static Bits of(std::string_view value) { return {std::string(value), std::string(value.size(), '\xff')}; }
  static Bits unknown(std::size_t size) { return {std::string(size, '\0'), std::string(size, '\0')}; }
  [[nodiscard]] bool is_known() const { return known.find_first_not_of('\xff') == known.npos; }
  /// `size` bytes from `offset`; what lies beyond is unknown.
  [[nodiscard]] Bits part(std::size_t offset, std::size_t size) const;
};

/// A number as it stands in a register: in the host's order.
template <class Number>
Bits bits_of(Number number) {
  return Bits::of({reinterpret_cast<const char*>(&number), sizeof number});
}

enum class Tracking : std::uint8_t {
  not_yet,    // before connection tracking has seen it
  tracked,    // a new connection, not yet led anywhere
  led,        // a new connection that destination NAT has led to the high port
  answering,  // a reply within that connection
};

struct Packet {
  bool is_ipv6 = false;
  std::uint16_t port = 0;           // the host's: the destination of a request, the source of a reply
  std::uint16_t original_port = 0;  // to which the connection was made
  std::string interface;            // by which it came, or by which a reply leaves
  std::uint32_t interface_index = 0;
  std::uint32_t mark = 0;
  Tracking tracking = Tracking::not_yet;

  [[nodiscard]] bool is_reply() const { return tracking == Tracking::answering; }
  // As nftables' expressions of these names load them; `key` is one of NFT_META_*, NFT_CT_*, NFT_PAYLOAD_*.
  [[nodiscard]] Bits meta(std::uint32_t key, std::size_t size) const;
  [[nodiscard]] Bits conntrack(std::uint32_t key, std::size_t size) const;
  [[nodiscard]] Bits payload(std::uint32_t base, std::size_t offset, std::size_t size) const;
  [[nodiscard]] Bits fib(std::uint32_t result, std::uint32_t flags) const;
  /// One bit of NF_CT_STATE_*.
  [[nodiscard]] std::uint32_t state() const;
};

}  // namespace certlatch
