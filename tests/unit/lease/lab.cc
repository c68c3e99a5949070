// SPDX-License-Identifier: MIT
#include "tests/unit/lease/lab.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstring>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace certlatch {
namespace {

using std::chrono::milliseconds;

/// The namespace of this thread; a name that the next unshare() does not change.
UniqueFd current_namespace() { return UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }

void must(bool is_good, const std::string& what) {
  if (!is_good) throw std::runtime_error(what + ": " + std::strerror(errno));
}

UniqueFd new_namespace() {
  must(::unshare(CLONE_NEWNET) == 0, "unshare");
  return current_namespace();
}

void enter(const UniqueFd& space) { must(::setns(space.get(), CLONE_NEWNET) == 0, "setns"); }

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

Address address_of(const std::string& text, std::uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.bytes);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.bytes);
  if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof *v4;
  } else {
    must(::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1, text);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof *v6;
  }
  return address;
}

bool ready_within(int fd, short events, milliseconds time) {
  pollfd wait{fd, events, 0};
  return ::poll(&wait, 1, static_cast<int>(time.count())) == 1;
}

}  // namespace

doctest::String toString(Reach reach) {
  return reach == Reach::connected ? "connected" : reach == Reach::refused ? "refused" : "nothing";
}

bool Flow::is_alive(milliseconds time) const {
  char byte = 'x';
  if (::send(client.get(), &byte, 1, MSG_NOSIGNAL) != 1) return false;
  return ready_within(server.get(), POLLIN, time) && ::recv(server.get(), &byte, 1, MSG_DONTWAIT) == 1;
}

Lab::Lab() : before_(current_namespace()), host_(new_namespace()) {
  run("ip link set lo up");
  client_ = neighbour("eth0", "10.77.0");
  run(fmt::format("ip address add {}/64 dev eth0 nodad", kHost6));
  as_client([] { run("ip address add fd77::1/64 dev eth0 nodad"); });
  std::string directory = "/tmp/certlatch-lease-XXXXXX";
  must(::mkdtemp(directory.data()) != nullptr, "mkdtemp");
  run_path_ = directory;
  run_directory_.reset(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Lab::~Lab() {
  std::filesystem::remove_all(run_path_);
  (void)::setns(before_.get(), CLONE_NEWNET);
}

std::string Lab::run(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(("( " + command + "\n) 2>&1").c_str(), "r");
  must(pipe != nullptr, command);
  char buffer[4096];
  for (std::size_t size = 0; (size = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    output.append(buffer, size);
  const int status = ::pclose(pipe);
  INFO(command, "\n", output);
  CHECK(status == 0);
  return output;
}

void Lab::load(const std::string& rules) { run("nft -f - <<'END'\n" + rules + "\nEND"); }

UniqueFd Lab::neighbour(const std::string& cable, const std::string& prefix) const {
  UniqueFd space = new_namespace();
  enter(host_);
  const auto batch = [](const std::string& lines) { run("printf '" + lines + "' | ip -batch -"); };
  batch(
      fmt::format("link add {0} type veth peer name eth0 netns /proc/{1}/fd/{2}\n"
                  "link set {0} up\naddress add {3}.2/24 dev {0}\n",
                  cable, ::getpid(), space.get(), prefix));
  as(space, [&] {
    batch(
        fmt::format("link set lo up\nlink set eth0 up\naddress add {0}.1/24 dev eth0\n"
                    "route add default via {0}.2\n",
                    prefix));
  });
  return space;
}

void Lab::as(const UniqueFd& neighbour, const std::function<void()>& work) const {
  enter(neighbour);
  work();
  enter(host_);
}

UniqueFd Lab::listen(const std::string& text, std::uint16_t port) {
  const Address address = address_of(text, port);
  UniqueFd listener(::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  must(::bind(listener.get(), address.get(), address.size) == 0, "bind " + text);
  must(::listen(listener.get(), 64) == 0, "listen");
  return listener;
}

UniqueFd Lab::connect(const std::string& text, std::uint16_t port, const UniqueFd& from,
                      milliseconds patience) const {
  const Address address = address_of(text, port);
  UniqueFd client;
  as(from, [&] {
    client.reset(::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    (void)::connect(client.get(), address.get(), address.size);
  });
  int error = ETIMEDOUT;
  socklen_t size = sizeof error;
  if (ready_within(client.get(), POLLOUT, patience))
    ::getsockopt(client.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) client.reset();
  errno = error;
  return client;
}

Reach Lab::reach(const std::string& address, std::uint16_t port, const UniqueFd& from,
                 milliseconds patience) const {
  const UniqueFd client = connect(address, port, from, patience);
  if (client.is_open()) return Reach::connected;
  return errno == ETIMEDOUT ? Reach::nothing : Reach::refused;
}

Flow Lab::flow(const std::string& address, std::uint16_t port, const UniqueFd& listener) const {
  Flow flow{.client = connect(address, port, client_, std::chrono::seconds(3))};
  must(flow.client.is_open() && ready_within(listener.get(), POLLIN, std::chrono::seconds(3)), "connect");
  // Connections of earlier probes wait in the backlog, closed by their clients: ours is the one that lives.
  flow.server.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  while (ready_within(listener.get(), POLLIN, milliseconds(0)))
    flow.server.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return flow;
}

bool becomes(const std::function<bool()>& condition, milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

Victim::Victim(const std::function<bool()>& work, Start start) {
  int ends[2];
  must(::pipe2(ends, O_CLOEXEC) == 0, "pipe");
  const UniqueFd hear(ends[0]);
  UniqueFd tell(ends[1]);
  pid_ = ::fork();
  must(pid_ >= 0, "fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (work()) (void)!::write(tell.get(), "y", 1);
    for (;;) ::pause();
  }
  tell.reset();
  char answer = 0;
  if (start == Start::unawaited) return;
  is_ready_ =
      ready_within(hear.get(), POLLIN, std::chrono::seconds(10)) && ::read(hear.get(), &answer, 1) == 1;
}

void Victim::signal(int number) const { ::kill(pid_, number); }

void Victim::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::unique_ptr<Leases> prepared(const Lab& lab, std::vector<OpeningEntry> entries) {
  Policy policy;
  policy.openings = std::move(entries);
  auto leases = Leases::prepare(policy, lab.run_directory());
  if (!leases) throw std::runtime_error(leases.error().message);
  return std::move(*leases);
}

std::uint64_t opened(Leases& leases, const OpeningEntry& entry, std::uint32_t seconds) {
  const auto answer = leases.open(entry, seconds);
  if (const auto* refusal = std::get_if<Refused>(&answer)) throw std::runtime_error(refusal->sentence);
  return std::get<Opened>(answer).lease;
}

void closed(Leases& leases, std::uint64_t lease) {
  CHECK(leases.close(lease).has_value());
  (void)leases.tidy_up();
}

std::string refused(Leases& leases, const OpeningEntry& entry, unsigned line) {
  const auto answer = leases.open(entry, 0);
  const auto* refusal = std::get_if<Refused>(&answer);
  if (refusal == nullptr) return "it was opened";
  CHECK(refusal->reason == RefusalReason::conflict);
  CHECK(refusal->line == line);
  return refusal->sentence;
}

std::string base_chain(const std::string& where, const std::string& base, const std::string& rules) {
  const std::size_t name = where.rfind(' ');
  return fmt::format("table {} {{\n  chain {} {{\n    type {}\n    {}\n  }}\n}}\n", where.substr(0, name),
                     where.substr(name + 1), base, rules);
}

OpeningEntry http_entry() {
  OpeningEntry entry;
  entry.name = "http";
  entry.port = 80;
  entry.to_port = 8080;
  entry.interfaces = {"eth0"};
  entry.gates = {{Family::inet, "filter", "input"}};
  entry.at_most = 60;
  entry.line = 10;
  entry.port_line = 11;
  entry.gate_line = 14;
  return entry;
}

OpeningEntry loopback_entry() {
  OpeningEntry entry = http_entry();
  entry.to_loopback = true;
  return entry;
}

}  // namespace certlatch
