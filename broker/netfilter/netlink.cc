// SPDX-License-Identifier: MIT
#include "broker/netfilter/netlink.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace certlatch {
namespace {

constexpr std::size_t kMaxDatagramBytes = 128 * 1024;
// Under three writers that never pause, nine dumps in ten are interrupted.
constexpr int kDumpAttempts = 50;

}  // namespace

std::string attr_bytes(int type, std::string_view bytes) {
  const nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + bytes.size()),
                      static_cast<std::uint16_t>(type)};
  std::string attribute = raw(header).append(bytes);
  attribute.resize(NLA_ALIGN(attribute.size()));
  return attribute;
}

std::string netfilter_header(std::uint8_t family, std::uint16_t resource) {
  return raw(nfgenmsg{family, NFNETLINK_V0, htons(resource)});
}

std::string netlink_message(int type, int flags, std::string_view payload) {
  const nlmsghdr header{static_cast<std::uint32_t>(NLMSG_HDRLEN + payload.size()),
                        static_cast<std::uint16_t>(type), static_cast<std::uint16_t>(flags | NLM_F_REQUEST),
                        0, 0};
  return raw(header).append(payload);
}

std::vector<std::string> messages_of(std::string_view bytes) {
  std::vector<std::string> messages;
  auto left = static_cast<int>(bytes.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
  for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
    messages.emplace_back(reinterpret_cast<const char*>(message), message->nlmsg_len);
  return messages;
}

const nlattr* find(const std::string& message, std::initializer_list<int> path, std::size_t header_bytes) {
  std::string_view nest = std::string_view(message).substr(NLMSG_HDRLEN + header_bytes);
  const nlattr* found = nullptr;
  for (const int type : path) {
    const auto* next = reinterpret_cast<const nlattr*>(nest.data());
    found = nullptr;
    for (auto left = static_cast<int>(nest.size()); found == nullptr && mnl_attr_ok(next, left);
         left -= NLA_ALIGN(next->nla_len), next = mnl_attr_next(next))
      if (mnl_attr_get_type(next) == type) found = next;
    nest = bytes_of(found);
  }
  return found;
}

std::string_view bytes_of(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  return {static_cast<const char*>(mnl_attr_get_payload(attribute)), mnl_attr_get_payload_len(attribute)};
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol, int group) {
  NetlinkSocket made;
  // Close-on-exec: a child that inherited the owner of a table would keep the opening alive.
  made.fd_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  sockaddr_nl address{.nl_family = AF_NETLINK};
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  // To the kernel, whose address is 0: no other process can send to a socket that is connected to another.
  if (::connect(made.fd(), generic, size) != 0 || ::getsockname(made.fd(), generic, &size) != 0)
    return fail(Error::system("open a netlink socket"));
  made.port_ = address.nl_pid;

  const int yes = 1;
  const int receive_bytes = 4 << 20;
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK})
    ::setsockopt(made.fd(), SOL_NETLINK, option, &yes, sizeof yes);
  ::setsockopt(made.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes);
  if (group != 0 && ::setsockopt(made.fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    return fail(Error::system("hear about ruleset changes"));
  return made;
}

Result<void> NetlinkSocket::send(std::string_view bytes) {
  (void)receive();  // what an error left of an earlier answer
  // To nobody in particular, which is the kernel: so confinement needs to allow no address at all.
  if (::send(fd(), bytes.data(), bytes.size(), 0) < 0) return fail(Error::system("send to the kernel"));
  return {};
}

Result<std::vector<std::string>> NetlinkSocket::receive() {
  std::vector<std::string> messages;
  for (;;) {
    alignas(nlmsghdr) std::array<char, kMaxDatagramBytes> datagram;
    const ssize_t got = ::recv(fd(), datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return messages;
    if (got < 0) return fail(Error::system("receive from the kernel"));
    std::ranges::move(messages_of({datagram.data(), static_cast<std::size_t>(got)}),
                      std::back_inserter(messages));
  }
}

Result<std::vector<std::string>> NetlinkSocket::ask(int type, int flags, std::string_view payload) {
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    TRY(send(netlink_message(type, flags | NLM_F_ACK, payload)));
    auto answer = TRY(receive());
    if (answer.empty()) return fail(Error::system("read the kernel's answer", EPROTO));
    // The last message is the kernel's verdict.
    const int code = -*static_cast<const int*>(mnl_nlmsg_get_payload(header_of(answer.back())));
    const bool has_changed = std::ranges::any_of(answer, [](const std::string& message) {
      return (header_of(message)->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    });
    answer.pop_back();
    if (code != 0 && code != EINTR) return fail(Error::system("the kernel's answer", code));
    if (code == 0 && !has_changed) return answer;
  }
  return fail(Error::system("read the kernel's state, which never stops changing", EINTR));
}

}  // namespace certlatch
