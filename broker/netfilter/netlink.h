// SPDX-License-Identifier: MIT
// Netlink: attributes as bytes, and a socket that asks the kernel and gathers whole answers. The kernel
// answers within the sending call, so nothing here waits.
#pragma once

#include <endian.h>
#include <libmnl/libmnl.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "protocol/unique_fd.h"

namespace certlatch {

/// The bytes of a plain object, as they lie in memory.
template <class Plain>
std::string raw(const Plain& plain) {
  return {reinterpret_cast<const char*>(&plain), sizeof plain};
}

// One attribute each, padded, so that a list of them is made with `+`. Numbers are big-endian, as all of
// netfilter's are. `type` is one of the kernel's NFTA_* or CTA_*.
std::string attr_bytes(int type, std::string_view bytes);
inline std::string attr_text(int type, const std::string& text) { return attr_bytes(type, text + '\0'); }
inline std::string attr_be32(int type, std::uint32_t number) {
  return attr_bytes(type, raw(htobe32(number)));
}
inline std::string attr_be64(int type, std::uint64_t number) {
  return attr_bytes(type, raw(htobe64(number)));
}
inline std::string attr_nest(int type, std::string_view attributes) {
  return attr_bytes(type | NLA_F_NESTED, attributes);
}

/// The header of netfilter's messages, before their attributes; `family` an NFPROTO_* or AF_*.
std::string netfilter_header(std::uint8_t family, std::uint16_t resource = 0);
std::string netlink_message(int type, int flags, std::string_view payload);

/// The messages that `bytes` are.
std::vector<std::string> messages_of(std::string_view bytes);

// Of a message, ours or the kernel's.
inline const nlmsghdr* header_of(const std::string& message) {
  return reinterpret_cast<const nlmsghdr*>(message.data());
}
/// The attribute that `path` leads to, through nests; nullptr when it is absent. The first ones stand after
/// `header_bytes`, by default those of netfilter's header.
const nlattr* find(const std::string& message, std::initializer_list<int> path, std::size_t header_bytes = 4);

// Of an attribute that may be nullptr: absent bytes are none, an absent number is 0.
std::string_view bytes_of(const nlattr* attribute);
inline std::string text_of(const nlattr* attribute) {
  return attribute == nullptr ? "" : mnl_attr_get_str(attribute);
}
inline std::uint32_t be32_of(const nlattr* attribute) {
  return attribute == nullptr ? 0 : be32toh(mnl_attr_get_u32(attribute));
}

class NetlinkSocket {
 public:
  /// `protocol` is one of NETLINK_*; `group` a multicast group to hear, or 0.
  static Result<NetlinkSocket> open(int protocol, int group = 0);

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The address that the kernel knows this socket by, and by which it owns tables.
  [[nodiscard]] std::uint32_t port() const { return port_; }

  Result<void> send(std::string_view bytes);
  /// Every message that waits. ENOBUFS: the kernel had to drop some.
  Result<std::vector<std::string>> receive();

  /// Sends one question and returns the messages of its answer. A dump under which the state changed is asked
  /// for again, a bounded number of times. Kind::system with what the kernel said otherwise.
  Result<std::vector<std::string>> ask(int type, int flags, std::string_view payload);

 private:
  UniqueFd fd_;
  std::uint32_t port_ = 0;
};

}  // namespace certlatch
