// SPDX-License-Identifier: MIT
#include "broker/netfilter/netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

namespace certlatch {
namespace {

constexpr std::size_t kBufferBytes = 128 * 1024;
// Under three writers that never pause, nine dumps in ten are interrupted.
constexpr int kDumpAttempts = 50;

template <class Plain>
std::string_view raw(const Plain& plain) {
  return {reinterpret_cast<const char*>(&plain), sizeof plain};
}

std::string padded(std::string bytes) {
  bytes.resize(NLMSG_ALIGN(bytes.size()));
  return bytes;
}

template <class Number>
Number number_of(const nlattr* attribute) {
  Number number = 0;
  if (attribute != nullptr && mnl_attr_get_payload_len(attribute) >= sizeof number)
    std::memcpy(&number, mnl_attr_get_payload(attribute), sizeof number);
  return number;
}

}  // namespace

std::string attr_bytes(int type, std::string_view bytes) {
  const nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + bytes.size()),
                      static_cast<std::uint16_t>(type)};
  return padded(std::string(raw(header)).append(bytes));
}
std::string attr_text(int type, std::string_view text) { return attr_bytes(type, std::string(text) + '\0'); }
std::string attr_be16(int type, std::uint16_t number) {
  return attr_bytes(type, raw(number = htobe16(number)));
}
std::string attr_be32(int type, std::uint32_t number) {
  return attr_bytes(type, raw(number = htobe32(number)));
}
std::string attr_be64(int type, std::uint64_t number) {
  return attr_bytes(type, raw(number = htobe64(number)));
}
std::string attr_nest(int type, std::string_view attributes) {
  return attr_bytes(type | NLA_F_NESTED, attributes);
}

std::uint16_t be16_of(const nlattr* attribute) { return be16toh(number_of<std::uint16_t>(attribute)); }
std::uint32_t be32_of(const nlattr* attribute) { return be32toh(number_of<std::uint32_t>(attribute)); }
std::uint64_t be64_of(const nlattr* attribute) { return be64toh(number_of<std::uint64_t>(attribute)); }
std::string text_of(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  const auto* bytes = static_cast<const char*>(mnl_attr_get_payload(attribute));
  return {bytes, strnlen(bytes, mnl_attr_get_payload_len(attribute))};
}

std::string netlink_message(int type, int flags, std::uint32_t sequence, std::string_view header,
                            std::string_view attributes) {
  const std::size_t size = NLMSG_HDRLEN + NLMSG_ALIGN(header.size()) + attributes.size();
  const nlmsghdr start{static_cast<std::uint32_t>(size), static_cast<std::uint16_t>(type),
                       static_cast<std::uint16_t>(flags | NLM_F_REQUEST), sequence, 0};
  return padded(std::string(raw(start)).append(header)).append(attributes);
}

std::string netfilter_header(std::uint8_t family, std::uint16_t resource) {
  return std::string(raw(nfgenmsg{family, NFNETLINK_V0, htons(resource)}));
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol, int group) {
  NetlinkSocket made;
  // Close-on-exec: a child that inherited the owner of a table would keep the opening alive.
  made.fd_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  sockaddr_nl address{.nl_family = AF_NETLINK};
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!made.is_open() || ::bind(made.fd(), generic, size) != 0 ||
      ::getsockname(made.fd(), generic, &size) != 0)
    return fail(Error::system("open a netlink socket"));
  made.port_ = address.nl_pid;

  const int yes = 1;
  const int receive_bytes = 4 << 20;
  ::setsockopt(made.fd(), SOL_NETLINK, NETLINK_EXT_ACK, &yes, sizeof yes);
  ::setsockopt(made.fd(), SOL_NETLINK, NETLINK_CAP_ACK, &yes, sizeof yes);
  ::setsockopt(made.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes);
  if (group != 0 && ::setsockopt(made.fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    return fail(Error::system("hear about ruleset changes"));
  made.buffer_.resize(kBufferBytes);
  return made;
}

Result<void> NetlinkSocket::send(std::string_view bytes) {
  // To nobody in particular, which is the kernel: so confinement needs to allow no address at all.
  if (::send(fd(), bytes.data(), bytes.size(), 0) < 0) return fail(Error::system("send to the kernel"));
  return {};
}

Result<std::string_view> NetlinkSocket::receive() {
  for (;;) {
    sockaddr_nl from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return std::string_view();
    if (got < 0) return fail(Error::system("receive from the kernel"));
    if (from.nl_pid != 0) continue;  // any process may send to a netlink socket; only the kernel is believed
    if (static_cast<std::size_t>(got) > buffer_.size())
      return fail(Error::system("receive from the kernel", EMSGSIZE));
    return std::string_view(buffer_).substr(0, static_cast<std::size_t>(got));
  }
}

Result<std::string> NetlinkSocket::ask(int type, int flags, std::string_view header,
                                       std::string_view attributes) {
  if ((flags & NLM_F_DUMP) != NLM_F_DUMP) flags |= NLM_F_ACK;
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    if (auto sent = send(netlink_message(type, flags, next_sequence(), header, attributes)); !sent)
      return fail(sent.error());
    std::string answer;
    const auto is_whole = gather(answer);
    if (!is_whole) return fail(is_whole.error());
    if (*is_whole) return answer;
  }
  return fail(Error::system("read the kernel's state, which never stops changing", EINTR));
}

/// False when the state that was dumped changed in the meantime.
Result<bool> NetlinkSocket::gather(std::string& answer) {
  bool is_whole = true;
  std::optional<int> error;
  while (!error) {
    const auto datagram = receive();
    if (!datagram) return fail(datagram.error());
    if (datagram->empty()) return fail(Error::system("read the kernel's answer", EPROTO));
    for_each_message(*datagram, [&](const nlmsghdr* message) {
      if (message->nlmsg_seq != sequence_) return;  // of an abandoned answer
      if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) is_whole = false;
      if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
        const bool has_code = mnl_nlmsg_get_payload_len(message) >= sizeof(int);
        error = has_code ? -*static_cast<const int*>(mnl_nlmsg_get_payload(message)) : 0;
      } else {
        answer = padded(std::move(answer.append(reinterpret_cast<const char*>(message), message->nlmsg_len)));
      }
    });
  }
  if (*error == EINTR) return false;
  if (*error != 0) return fail(Error::system("the kernel's answer", *error));
  return is_whole;
}

}  // namespace certlatch
