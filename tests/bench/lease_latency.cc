// SPDX-License-Identifier: MIT
// How long opening and closing a port takes: the broker's own code, against the commands an admin's script
// would run, alternating within one run on the same ruleset, small and large; and how exactly a lease ends.
//
//   lease-latency [ROUNDS [LEASES]]    in a lab, as root
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "broker/lease.h"
#include "policy/policy.h"

using namespace certlatch;

namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr char kOutside[] = "/run/netns/outside";
constexpr char kHost[] = "10.77.0.2";

template <class Act>
double timed(Act act) {
  const auto from = Clock::now();
  act();
  return Microseconds(Clock::now() - from).count();
}

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "lease-latency: {}\n", why);
  std::exit(1);
}

std::string nft(const std::string& command) {
  FILE* pipe = popen(("exec nft " + command).c_str(), "r");
  char buffer[1024];
  std::string said;
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) said += buffer;
  if (pclose(pipe) != 0) give_up("failed: nft " + command);
  return said;
}

/// What stands behind the door.
void listen_on_high_port() {
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(8080);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, 4096) != 0)
    give_up("port 8080 cannot be listened on");
  // What comes is let in and sent away, so that the queue never fills.
  std::thread([fd] {
    for (;;) close(accept(fd, nullptr, nullptr));
  }).detach();
}

void grow_ruleset() {
  constexpr char kFile[] = "/run/large.nft";
  FILE* file = std::fopen(kFile, "w");
  if (file == nullptr) give_up("/run cannot be written to");
  fmt::print(file, "table inet large {{\nset hosts {{\ntype ipv4_addr\nelements = {{ 10.0.0.1");
  for (int n = 2; n <= 100'000; ++n) fmt::print(file, ", 10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
  fmt::print(file, " }}\n}}\n}}\n");
  for (int n = 1; n <= 10'000; ++n)
    fmt::print(file, "add rule inet filter input ip saddr 192.168.{}.{} tcp dport {} accept\n", n >> 8,
               n & 255, 20'000 + n);
  std::fclose(file);
  nft(std::string("-f ") + kFile);
}

std::uint64_t open_lease(Leases& leases, const OpeningEntry& entry, std::uint32_t seconds) {
  const auto answer = leases.open(entry, seconds);
  if (const auto* refused = std::get_if<Refused>(&answer)) give_up(refused->sentence);
  return std::get<Opened>(answer).lease;
}

void compare(Leases& leases, const OpeningEntry& entry, int rounds, int nft_rounds) {
  std::vector<double> opens, closes, rests, nft_opens, nft_closes;
  for (int round = 0; round < rounds; ++round) {
    std::uint64_t lease = 0;
    opens.push_back(timed([&] { lease = open_lease(leases, entry, 0); }));
    closes.push_back(timed([&] {
      if (const auto closed = leases.close(lease); !closed) give_up(closed.error().message);
    }));
    // After the answer, and before the next request.
    rests.push_back(timed([&] { (void)leases.tidy_up(); }));
    if (round >= nft_rounds) continue;
    // The least that a script could do: a rule at the head of the chain, and away with it.
    std::string said;
    nft_opens.push_back(timed([&] { said = nft("-ae insert rule inet filter input tcp dport 80 accept"); }));
    const auto handle = said.substr(said.rfind("handle ") + 7);
    nft_closes.push_back(timed([&] { nft("delete rule inet filter input handle " + handle); }));
  }
  const auto row = [](const char* what, double ours, const char* command, double theirs) {
    fmt::print("  {:<6} {:8.0f} us   {:<10} {:8.0f} us   {:.0f} times faster\n", what, ours, command, theirs,
               theirs / ours);
  };
  row("open", median(opens), "nft insert", median(nft_opens));
  row("close", median(closes), "nft delete", median(nft_closes));
  fmt::print("  {:<6} {:8.0f} us\n", "rest", median(rests));
}

/// A client outside that does nothing but connect to port 80.
class Client {
 public:
  Client() : thread_([this] { connect_until_told(); }) {}
  ~Client() { stop(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void wait_for_accept() const {
    while (last_accept_.load() == Clock::time_point()) usleep(500);
  }
  Clock::time_point last_accept() const { return last_accept_.load(); }
  void stop() {
    is_told_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  void connect_until_told() {
    const int space = open(kOutside, O_RDONLY | O_CLOEXEC);
    if (setns(space, CLONE_NEWNET) != 0) give_up("no namespace outside");
    close(space);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(80);
    inet_pton(AF_INET, kHost, &address.sin_addr);
    while (!is_told_) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      const linger none{1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
      const auto began = Clock::now();
      (void)connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
      pollfd waiting{fd, POLLOUT, 0};
      if (poll(&waiting, 1, 20) == 1 && (waiting.revents & POLLERR) == 0) last_accept_ = began;
      close(fd);
    }
  }

  /// When the last connection was begun that was let in: its first packet crosses the wire within the call.
  std::atomic<Clock::time_point> last_accept_{Clock::time_point()};
  std::atomic<bool> is_told_{false};
  std::thread thread_;
};

void print_range(const char* what, std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  fmt::print("  {}: {:+.1f} to {:+.1f} ms, median {:+.1f}, of {}\n", what, samples.front(), samples.back(),
             median(samples), samples.size());
}

/// Nobody tidies up: it is the kernel that ends these.
double expiry(Leases& leases, const OpeningEntry& entry) {
  open_lease(leases, entry, 1);
  const auto end = Clock::now() + std::chrono::seconds(1);
  Client client;
  client.wait_for_accept();
  std::this_thread::sleep_until(end + std::chrono::milliseconds(200));
  client.stop();
  (void)leases.tidy_up();
  return Milliseconds(client.last_accept() - end).count();
}

double kill(const Policy& policy, int run_directory) {
  const pid_t holder = fork();
  if (holder == 0) {
    auto leases = Leases::prepare(policy, run_directory);
    if (!leases) give_up(leases.error().message);
    open_lease(**leases, policy.openings.front(), 0);
    for (;;) pause();
  }
  Client client;
  client.wait_for_accept();
  usleep(100'000);
  const auto killed = Clock::now();
  ::kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
  usleep(200'000);
  client.stop();
  return Milliseconds(client.last_accept() - killed).count();
}

constexpr std::string_view kPolicy = R"([broker]
worker = certlatch
audit = /var/log/certlatch/audit.log
[open http]
port = 80
to = :8080
interface = eth0
gate = inet filter input
at most = 1m
)";

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 200;
  const int number_of_leases = argc > 2 ? std::atoi(argv[2]) : 10;
  const auto reading = read_policy(kPolicy, "policy.conf");
  if (!reading) give_up(reading.error().front().text());
  const int run_directory = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  auto prepared = Leases::prepare(*reading, run_directory);
  if (!prepared) give_up(prepared.error().message);
  auto& leases = **prepared;
  const auto& entry = *reading->opening("http");
  listen_on_high_port();

  fmt::print("a small ruleset\n");
  compare(leases, entry, rounds, rounds);

  std::vector<double> ends, kills;
  for (int n = 0; n < number_of_leases; ++n) {
    ends.push_back(expiry(leases, entry));
    kills.push_back(kill(*reading, run_directory));
  }
  fmt::print("the last connection that is let in\n");
  print_range("after the end of a lease of 1 s", ends);
  print_range("after SIGKILL to its holder", kills);

  grow_ruleset();
  fmt::print("a ruleset of 10,000 rules and 100,000 elements, the gate at the head of its chain\n");
  compare(leases, entry, rounds, rounds / 10);
  OpeningEntry still = entry;
  still.gates.clear();
  still.gate = GateKind::is_static;
  fmt::print("the same, with a static gate\n");
  compare(leases, still, rounds, rounds / 10);
  return 0;
}
