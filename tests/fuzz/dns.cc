// SPDX-License-Identifier: MIT
// A name server answers anything, over UDP and TCP, to look-ups of addresses and of CAA and to updates: what
// is taken for an address is one, and what is kept is bounded. Look-ups and server speak over a loopback of
// their own, in a network namespace.
//
// The first byte of the input says what is asked and how the rest of it becomes an answer; see Answer.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "worker/dns/ldns_types.h"
#include "worker/dns/look_up.h"
#include "worker/dns/update.h"

namespace {

using namespace certlatch;
using namespace std::chrono_literals;
using namespace std::string_literals;

const std::vector<std::string> kNames{"example.org"};
const std::vector<std::string> kDomain{"org"};  // it has no domain above it: one question
constexpr std::size_t kHeaderBytes = 12, kMaxDatagramBytes = 1400;
constexpr std::size_t kMaxCaaRecords = 50, kMaxCaaValueBytes = 512;  // look_up.cc's

enum class Asked : unsigned char { addresses, caa, addresses_by_tcp, update };

struct Answer {
  Asked asked = Asked::addresses;
  bool echoes = false;     // the question stands behind the header; the rest of the input follows it
  bool is_raw = false;     // by TCP: the input has the length, too, or lies about it
  bool is_signed = false;  // of an update, by who has the key; if it is a packet at all
  std::string rest;        // behind the id

  /// To these bytes of a question.
  [[nodiscard]] std::string to(std::string_view question) const {
    std::string_view header = rest, records;
    std::string_view echo;
    if (echoes && question.size() > kHeaderBytes) {
      const auto name_end = question.find('\0', kHeaderBytes);
      echo = question.substr(kHeaderBytes, name_end == question.npos ? 0 : name_end + 5 - kHeaderBytes);
      header = header.substr(0, kHeaderBytes - 2);
      records = std::string_view(rest).substr(header.size());
    }
    return std::string(question.substr(0, 2)).append(header).append(echo).append(records);
  }
};

constexpr const char *kKey = "c2VjcmV0", *kKeyName = "key.", *kAlgorithm = "hmac-sha256.";

DnsPacket packet_of(std::string_view bytes) {
  ldns_pkt* raw = nullptr;
  const auto status = ldns_wire2pkt(&raw, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return DnsPacket(status == LDNS_STATUS_OK ? raw : nullptr);
}

/// With the signature that belongs to the question (RFC 8945), or as they are.
std::string signed_for(std::string_view question, std::string bytes) {
  const auto asked = packet_of(question), given = packet_of(bytes);
  const ldns_rr* signature = asked ? ldns_pkt_tsig(asked.get()) : nullptr;
  if (signature == nullptr || !given || ldns_pkt_tsig(given.get()) != nullptr ||
      ldns_pkt_tsig_sign(given.get(), kKeyName, kKey, 300, kAlgorithm, ldns_rr_rdf(signature, 3)) !=
          LDNS_STATUS_OK)
    return bytes;
  std::uint8_t* raw = nullptr;
  std::size_t size = 0;
  const auto made = ldns_pkt2wire(&raw, given.get(), &size);
  const std::unique_ptr<std::uint8_t, LdnsFree> wire(raw);
  return made == LDNS_STATUS_OK ? std::string(reinterpret_cast<const char*>(wire.get()), size) : bytes;
}

std::mutex guard;
Answer answer;

void demand(bool holds, const char* what) {
  if (holds) return;
  std::perror(what);
  std::abort();
}

void serve_udp(int socket) {
  for (;;) {
    char question[1500];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t n =
        ::recvfrom(socket, question, sizeof question, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 2) continue;
    const std::lock_guard lock(guard);
    // "It does not fit: ask again over TCP."
    static const Answer kTruncated{Asked::addresses, true, false, false, "\x83\x80\0\1\0\0\0\0\0\0"s};
    const Answer& to_give = answer.asked == Asked::addresses_by_tcp ? kTruncated : answer;
    const auto bytes = to_give.to({question, static_cast<std::size_t>(n)});
    (void)::sendto(socket, bytes.data(), std::min(bytes.size(), kMaxDatagramBytes), 0,
                   reinterpret_cast<const sockaddr*>(&from), size);
  }
}

/// One question and its answer a connection.
void serve_tcp(int listener) {
  for (;;) {
    const UniqueFd visitor(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    std::array<char, 1500> question{};
    const ssize_t n = ::recv(visitor.get(), question.data(), 2, MSG_WAITALL);
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(question[0]) << 8 |
                                               static_cast<unsigned char>(question[1]));
    if (n != 2 || size > question.size() ||
        ::recv(visitor.get(), question.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size))
      continue;
    const std::lock_guard lock(guard);
    auto bytes = answer.is_raw ? answer.rest : answer.to({question.data(), size});
    if (answer.is_signed) bytes = signed_for({question.data(), size}, std::move(bytes));
    if (!answer.is_raw)
      bytes.insert(0, {static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size())});
    (void)::send(visitor.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
}

int bound_socket(int type) {
  const int socket = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  demand(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "port 53");
  return socket;
}

/// A file for those that read one when they start.
struct File {
  explicit File(std::string_view text) {
    const int file = ::mkstemp(path);
    demand(::write(file, text.data(), text.size()) > 0, path);
    ::close(file);
  }
  ~File() { ::unlink(path); }
  File(const File&) = delete;
  char path[32] = "/tmp/certlatch-fuzz-XXXXXX";
};

void set_answer(Answer to_give) {
  const std::lock_guard lock(guard);
  answer = std::move(to_give);
}

struct Asker {
  std::optional<Resolver> resolver;
  std::optional<Updater> updater;

  Asker() {
    demand(::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) == 0,
           "a network of its own");
    const int udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    demand(::ioctl(udp, SIOCSIFFLAGS, &loopback) == 0, "loopback");
    ::close(udp);
    std::thread(serve_udp, bound_socket(SOCK_DGRAM)).detach();
    const int listener = bound_socket(SOCK_STREAM);
    demand(::listen(listener, 64) == 0, "listen");
    std::thread(serve_tcp, listener).detach();
    demand(init_secrets(), "memory for secrets");
    const File resolv_conf("nameserver 127.0.0.1\n"), key(kKey);
    if (auto opened = Resolver::from(resolv_conf.path)) resolver.emplace(std::move(*opened));
    if (auto opened = Updater::from({"127.0.0.1", 53, "org", "key", key.path, "hmac-sha256"}))
      updater.emplace(std::move(*opened));
    demand(resolver && updater, "resolver and updater");
    understand();
  }

  /// Answers as they should be are understood, or nothing would be shown.
  void understand() const {
    const auto header = "\x81\x80\0\1\0\1\0\0\0\0"s;
    const auto address = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"s;  // 192.0.2.1
    for (const auto by : {Asked::addresses, Asked::addresses_by_tcp}) {
      set_answer({by, true, false, false, header + address});
      demand(resolver->addresses(kNames, in(2s)).front().addresses == std::vector<std::string>{"192.0.2.1"},
             "an address");
    }
    set_answer(
        {Asked::caa, true, false, false, header + "\xc0\x0c\1\1\0\1\0\0\0\x3c\0\x0e\0\5issueca.test"s});
    const auto caa = resolver->caa(kDomain, in(2s)).front();
    demand(caa.owner == "org" && caa.records.size() == 1 && caa.records[0].value == "ca.test", "CAA");
    const UpdateRecord record{"_acme-challenge.org", "value", true};
    set_answer({Asked::update, true, false, true, "\xa8\0\0\1\0\0\0\0\0\0"s});
    demand(updater->change(record).has_value(), "an update");
    set_answer({Asked::update, true, false, true, "\xa8\5\0\1\0\0\0\0\0\0"s});
    const auto refused = updater->change(record);
    demand(!refused && refused.error().message.ends_with("REFUSED"), "a refused update");
  }
};

void ask(const Asker& asker, Asked what) {
  if (what == Asked::update) {
    const auto changed = asker.updater->change({"_acme-challenge.org", "value", true});
    if (changed ? !answer.is_signed : changed.error().message.empty()) std::abort();
    return;
  }
  if (what == Asked::caa) {
    const auto found = asker.resolver->caa(kDomain, in(5ms)).front();
    if (found.records.size() > kMaxCaaRecords || found.owner.empty() != found.records.empty()) std::abort();
    for (const auto& record : found.records)
      if (record.value.size() > kMaxCaaValueBytes || record.tag.size() > 255) std::abort();
    return;
  }
  // By TCP the connection ends when the answer does.
  const auto time = what == Asked::addresses ? 5ms : 200ms;
  const auto found = asker.resolver->addresses(kNames, in(time));
  for (const auto& address : found.front().addresses) {
    unsigned char binary[16];
    if (::inet_pton(address.contains(':') ? AF_INET6 : AF_INET, address.c_str(), binary) != 1) std::abort();
  }
}

}  // namespace

// ldns loses one of two signatures of the same answer.
extern "C" const char* __lsan_default_suppressions() { return "leak:libldns"; }

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const Asker asker;
  if (size == 0) return 0;
  const auto what = static_cast<Asked>(data[0] % 4);
  set_answer({what,
              (data[0] & 4) != 0,
              (data[0] & 8) != 0,
              (data[0] & 16) != 0,
              {reinterpret_cast<const char*>(data) + 1, std::min<std::size_t>(size - 1, 4096)}});
  ask(asker, what);
  return 0;
}
