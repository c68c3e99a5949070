// SPDX-License-Identifier: MIT
// Netlink: attributes as bytes, and a socket that asks the kernel and gathers whole answers. The kernel
// answers within the sending call, so nothing here waits.
#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/result.h"
#include "protocol/unique_fd.h"

namespace certlatch {

// One attribute each, padded, so that a list of them is made with `+`. Numbers are big-endian, as all of
// netfilter's are. `type` is one of the kernel's NFTA_* or CTA_*.
std::string attr_bytes(int type, std::string_view bytes);
std::string attr_text(int type, std::string_view text);
std::string attr_be16(int type, std::uint16_t number);
std::string attr_be32(int type, std::uint32_t number);
std::string attr_be64(int type, std::uint64_t number);
std::string attr_nest(int type, std::string_view attributes);

/// A netlink message; `header` is what stands before the attributes.
std::string netlink_message(int type, int flags, std::uint32_t sequence, std::string_view header,
                            std::string_view attributes);
/// The header of netfilter's messages, `family` an NFPROTO_* or AF_*.
std::string netfilter_header(std::uint8_t family, std::uint16_t resource = 0);

class NetlinkSocket {
 public:
  /// `protocol` is one of NETLINK_*; `group` a multicast group to hear, or 0.
  static Result<NetlinkSocket> open(int protocol, int group = 0);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool is_open() const { return fd_.is_open(); }
  /// The address that the kernel knows this socket by, and by which it owns tables.
  [[nodiscard]] std::uint32_t port() const { return port_; }
  [[nodiscard]] std::uint32_t next_sequence() { return ++sequence_; }
  void close() { fd_.reset(); }

  Result<void> send(std::string_view bytes);
  /// The next datagram, or nothing when none waits. ENOBUFS: the kernel had to drop some.
  Result<std::string_view> receive();

  /// Sends one question and returns the messages of its answer. A dump under which the state changed is asked
  /// for again, a bounded number of times. Kind::system with what the kernel said otherwise.
  Result<std::string> ask(int type, int flags, std::string_view header, std::string_view attributes);

 private:
  Result<bool> gather(std::string& answer);

  UniqueFd fd_;
  std::uint32_t port_ = 0;
  std::uint32_t sequence_ = 0;
  std::string buffer_;
};

template <class Each>
void for_each_message(std::string_view bytes, Each each) {
  int left = static_cast<int>(bytes.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
  for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) each(message);
}

/// Attributes by their type; nullptr for one that is absent.
template <std::size_t Max>
using Attributes = std::array<const nlattr*, Max + 1>;

template <std::size_t Max>
int keep_attribute(const nlattr* attribute, void* all) {
  const std::size_t type = mnl_attr_get_type(attribute);
  if (type <= Max) (*static_cast<Attributes<Max>*>(all))[type] = attribute;
  return MNL_CB_OK;
}

/// Of a message with `header_bytes` before its first attribute, or of a nest (which may be nullptr).
template <std::size_t Max>
Attributes<Max> attributes(const nlmsghdr* message, std::size_t header_bytes) {
  Attributes<Max> all{};
  mnl_attr_parse(message, static_cast<unsigned>(header_bytes), keep_attribute<Max>, &all);
  return all;
}
template <std::size_t Max>
Attributes<Max> attributes(const nlattr* nest) {
  Attributes<Max> all{};
  if (nest != nullptr) mnl_attr_parse_nested(nest, keep_attribute<Max>, &all);
  return all;
}

// Of an attribute that may be nullptr: an absent number is 0, an absent text empty.
std::uint16_t be16_of(const nlattr* attribute);
std::uint32_t be32_of(const nlattr* attribute);
std::uint64_t be64_of(const nlattr* attribute);
std::string text_of(const nlattr* attribute);

}  // namespace certlatch
