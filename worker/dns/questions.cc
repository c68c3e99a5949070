// SPDX-License-Identifier: MIT
#include "worker/dns/questions.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <map>

#include "protocol/unique_fd.h"

namespace certlatch {
namespace {

/// What a socket's buffer surely takes, and no server takes for a flood.
constexpr std::size_t kMostUnderWay = 50;

bool send_question(int socket, const DnsQuestion& question, Recursion recursion, std::uint16_t id) {
  const DnsPacket packet(
      ldns_pkt_query_new(ldns_rdf_clone(question.name), question.type, LDNS_RR_CLASS_IN,
                         static_cast<std::uint16_t>(recursion == Recursion::wanted ? LDNS_RD : 0)));
  if (!packet) return false;
  ldns_pkt_set_id(packet.get(), id);
  std::uint8_t* raw = nullptr;
  std::size_t size = 0;
  const auto made = ldns_pkt2wire(&raw, packet.get(), &size);
  const std::unique_ptr<std::uint8_t, LdnsFree> wire(raw);
  return made == LDNS_STATUS_OK && ::send(socket, wire.get(), size, MSG_NOSIGNAL) >= 0;
}

/// An answer echoes its question; the socket is connected, and the id was drawn.
bool answers(const ldns_pkt* packet, const DnsQuestion& question) {
  const ldns_rr_list* asked = ldns_pkt_question(packet);
  if (!ldns_pkt_qr(packet) || ldns_rr_list_rr_count(asked) != 1) return false;
  const ldns_rr* echo = ldns_rr_list_rr(asked, 0);
  return ldns_rr_get_type(echo) == question.type &&
         ldns_dname_compare(ldns_rr_owner(echo), question.name) == 0;
}

}  // namespace

void ask_at(const sockaddr_storage& server, socklen_t size, Recursion recursion,
            std::vector<DnsQuestion>& questions, Deadline deadline) {
  const UniqueFd socket(::socket(server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open() || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&server), size) != 0)
    return;
  std::map<std::uint16_t, DnsQuestion*> under_way;
  auto next = questions.begin();
  for (;;) {
    while (next != questions.end() && under_way.size() < kMostUnderWay) {
      DnsQuestion& question = *next++;
      if (question.answer) continue;
      const std::uint16_t id = ldns_get_random();
      if (under_way.contains(id))
        --next;
      else if (send_question(socket.get(), question, recursion, id))
        under_way[id] = &question;
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (under_way.empty() || left.count() <= 0) return;
    pollfd ready{socket.get(), POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(left.count())) < 0 && errno != EINTR) return;
    std::array<std::uint8_t, 4096> bytes{};
    const ssize_t n = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return;  // nobody listens there
    ldns_pkt* raw = nullptr;
    if (n <= 0 || ldns_wire2pkt(&raw, bytes.data(), static_cast<std::size_t>(n)) != LDNS_STATUS_OK) continue;
    DnsPacket packet(raw);
    const auto found = under_way.find(ldns_pkt_id(packet.get()));
    if (found == under_way.end() || !answers(packet.get(), *found->second)) continue;
    found->second->answer = std::move(packet);
    under_way.erase(found);
  }
}

}  // namespace certlatch
