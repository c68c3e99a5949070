// SPDX-License-Identifier: MIT
// Whole sequences of requests, of several connections at once, against the broker with a packet filter in
// memory: whatever is said, in whatever order, whichever call of the kernel fails, and wherever the clock is
// set, the port is shut when the connections are gone, no budget is exceeded, and every answer is a message
// of the protocol.
#define DOCTEST_CONFIG_IMPLEMENT
#include <fmt/format.h>
#include <sys/socket.h>

#include <cstdlib>

#include "protocol/archive.h"
#include "tests/unit/broker/broker_host.h"
#include "tests/unit/lease/fake_netfilter.h"

namespace {

using namespace certlatch;
using namespace std::chrono_literals;

constexpr std::size_t kMaxConnections = 20;
constexpr const char* kEntries[] = {"http", "example.org", "nginx", "", "../x"};

class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool is_over() const { return bytes_.empty(); }
  std::uint8_t byte() {
    const std::uint8_t first = is_over() ? 0 : bytes_[0];
    bytes_ = bytes_.subspan(is_over() ? 0 : 1);
    return first;
  }
  std::span<const std::uint8_t> some(std::size_t count) {
    const auto taken = bytes_.first(std::min(count, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

/// A worker that reads its answers, and minds what they are.
class Talker {
 public:
  explicit Talker(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      socket_.reset();
  }
  void send(std::span<const std::uint8_t> bytes) {
    if (::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return;  // it was ended
  }
  void send(const Request& request) {
    std::vector<std::uint8_t> frame(4 + 65536);
    const auto size = encode(request, std::as_writable_bytes(std::span(frame)).subspan(4));
    if (!size) std::abort();
    for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<std::uint8_t>(*size >> 8 * i);
    send(std::span(frame).first(4 + *size));
  }
  void read() {
    std::array<std::byte, 65536> some;
    for (ssize_t n = 0; (n = ::recv(socket_.get(), some.data(), some.size(), 0)) > 0;)
      heard_.insert(heard_.end(), some.begin(), some.begin() + n);
    while (heard_.size() >= 4) {
      std::size_t size = 0;
      for (std::size_t i = 0; i < 4; ++i) size |= std::to_integer<std::size_t>(heard_[i]) << 8 * i;
      if (size == 0 || size > 65536) std::abort();
      if (heard_.size() < 4 + size) return;
      if (!decode<Answer>(std::span(heard_).subspan(4, size))) std::abort();
      heard_.erase(heard_.begin(), heard_.begin() + static_cast<std::ptrdiff_t>(4 + size));
    }
  }

 private:
  UniqueFd socket_;
  std::vector<std::byte> heard_;
};

Request request_of(Input& input) {
  const std::string entry = kEntries[input.byte() % std::size(kEntries)];
  switch (input.byte() % 8) {
    case 0:
      return Hello{};
    case 1:
      return Open{entry, input.byte()};
    case 2:
      return Close{input.byte()};
    case 3:
      return Restart{entry};
    case 4:
      return Status{};
    case 6: {
      StatusOf status;
      status.installs = {entry};
      return status;
    }
    case 5: {
      Install install;
      install.entry = entry;
      install.chain = "chain";
      return install;
    }
    default: {
      Stage stage;
      stage.entry = entry;
      return stage;
    }
  }
}

/// The fakes check by doctest's macros, outside of any test case.
struct Checks {
  doctest::Context context;
  Checks() {
    context.setAsDefaultForAssertsOutOfTestCases();
    context.setAssertHandler([](const doctest::AssertData&) { std::abort(); });
  }
};

struct Place {
  Checks checks;
  test::Scratch scratch;
  Policy policy = read_policy(test::kPolicy, "policy.conf").value();
  UniqueFd state = scratch.open();
  UniqueFd listener = make_listener(scratch / "sock", ::getgid()).value();
  int signals[2] = {-1, -1};
  Place() {
    if (!init_secrets() || ::pipe2(signals, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
  }
};

/// The clock goes on, or is set back, by so many hours.
void set_clock(std::int64_t& now, std::int64_t& gone_by, int hours) {
  const auto seconds = std::int64_t{hours} * 3600;
  now = std::max<std::int64_t>(now + seconds, 0);
  gone_by += std::max<std::int64_t>(seconds, 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Place place;
  FakeHost host;
  std::int64_t now = 1'700'000'000, gone_by = 0;  // what was set back gives nobody a fresh budget
  ::unlinkat(place.state.get(), "usage", 0);
  Leases leases(std::make_unique<FakeNetfilter>(host), std::make_unique<FakeRouteLocalnet>(host),
                [&] { return host.now; });
  test::FakeServices services{test::kNoPolicy, -1, nullptr};
  test::FakeInstaller installer{test::kNoPolicy, nullptr, services};
  Usage usage(place.state.get(), [&] { return now; });
  Audit audit(UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC)), {});
  Limits limits;
  limits.answer = 1ms;
  {
    Server server({place.policy, leases, installer, services, usage, audit, "all of it", [] { return true; }},
                  place.listener.get(), place.signals[0], ::getuid(), limits);
    std::vector<std::unique_ptr<Talker>> peers;
    const auto turn = [&] {
      while (server.turn(0ms)) {
      }
      for (auto& peer : peers) peer->read();
    };
    for (Input input(std::span(data, size)); !input.is_over();) {
      const auto what = input.byte();
      Talker* peer = peers.empty() ? nullptr : peers[what / 8 % peers.size()].get();
      if (what % 8 == 0 && peers.size() < kMaxConnections)
        peers.push_back(std::make_unique<Talker>(place.scratch / "sock"));
      else if (what % 8 == 1 && peer != nullptr)
        peer->send(input.some(input.byte()));
      else if (what % 8 <= 3 && peer != nullptr)
        peer->send(request_of(input));
      else if (what % 8 == 4 && peer != nullptr)
        peers.erase(peers.begin() + what / 8 % static_cast<int>(peers.size()));
      else if (what % 8 == 5)
        host.now += std::chrono::seconds(input.byte());
      else if (what % 8 == 6)
        host.fail_at = host.calls + input.byte();
      else
        set_clock(now, gone_by, static_cast<signed char>(input.byte()));
      if (what >= 128) turn();
    }
    turn();
    peers.clear();
    turn();
    if (!server.sessions.empty() || host.is_open() || !leases.status().empty()) std::abort();
  }
  const auto days = static_cast<std::ptrdiff_t>(gone_by / 86400 + 1);
  if (std::ranges::count(host.made, "open") > 2 * days || services.restarts > days) std::abort();
  return 0;
}
