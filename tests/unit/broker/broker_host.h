// SPDX-License-Identifier: MIT
// A server with fakes at its seams and a scratch directory for its state, driven turn by turn in the test's
// own thread; its workers are Channels.
#pragma once

#include <doctest/doctest.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "broker/listener.h"
#include "broker/netfilter/netfilter.h"
#include "broker/route_localnet.h"
#include "broker/server.h"
#include "tests/unit/install/scratch.h"

namespace certlatch::test {

using namespace std::chrono_literals;

struct FakeLeases : Leases {
  FakeLeases() : Leases(nullptr, nullptr, nullptr) {}
  std::map<std::uint64_t, std::string> held;
  std::vector<std::uint64_t> closed;
  std::optional<Refused> refusal;
  Result<void> close_outcome;
  std::vector<int> readable;
  std::optional<Deadline> tidy_up_at;
  std::vector<std::string> happened;
  std::uint64_t last = 0;

  std::variant<Opened, Refused> open(const OpeningEntry& entry, std::uint32_t seconds) override {
    if (refusal) return *refusal;
    held[++last] = entry.name;
    return Opened{last, seconds == 0 ? entry.at_most : seconds};
  }
  Result<void> close(std::uint64_t lease) override {
    held.erase(lease);
    closed.push_back(lease);
    return close_outcome;
  }
  std::vector<LeaseStatus> status() const override {
    std::vector<LeaseStatus> list;
    for (const auto& [lease, entry] : held) list.push_back({lease, entry, 60});
    return list;
  }
  std::vector<int> descriptors() const override { return readable; }
  std::optional<Deadline> next_tidy_up() const override { return tidy_up_at; }
  std::vector<std::string> tidy_up() override {
    tidy_up_at.reset();
    return std::exchange(happened, {});
  }
};

inline const Policy kNoPolicy;

struct FakeInstaller : Installer {
  using Installer::Installer;
  std::vector<InstallStatus> pairs;
  std::optional<Refused> refusal;
  std::string last_key;
  std::string staged;  // what was decided about it

  std::variant<Installed, Refused> install(const Install& request, const Wait&) override {
    if (request.is_staged) staged += fmt::format("stage {};", request.entry);
    last_key = request.key.text();
    if (refusal) return *refusal;
    return Installed{7};
  }
  std::vector<InstallStatus> status(const Meant& is_meant) const override {
    auto list = pairs;
    std::erase_if(list, [&](const InstallStatus& pair) { return is_meant && !is_meant(pair.entry); });
    return list;
  }
  void keep_staged(std::string_view service) override { staged += fmt::format("keep {};", service); }
  std::string undo_staged(std::string_view service) override {
    staged += fmt::format("undo {};", service);
    return " example.org";
  }
};

struct FakeServices : Services {
  using Services::Services;
  std::function<void(const Wait&)> meanwhile;  // while the runner is at work
  std::optional<Refused> refusal;
  std::vector<LoadedPair> loaded;
  int restarts = 0;

  std::variant<Restarted, Refused> check(const ServiceEntry&, const Wait&) override { return Restarted{}; }
  std::variant<Restarted, Refused> restart(const ServiceEntry&, std::vector<LoadedPair> live,
                                           const Wait& wait) override {
    ++restarts;
    loaded = std::move(live);
    if (meanwhile) meanwhile(wait);
    if (refusal) return *refusal;
    return Restarted{"reloaded\n"};
  }
  std::vector<ServiceStatus> status() const override { return {{"nginx", loaded}}; }
};

inline constexpr const char* kPolicy = R"([broker]
worker = certlatch
audit = /var/log/certlatch/audit.log
[open http]
port = 80
to = :8080
interface = eth0
gate = none
at most = 2m
per day = 2
[install example.org]
names = example.org
directory = /etc/ssl/certlatch/example.org
owner = root:root
mode = 0640
services = nginx
[service nginx]
reload = nginx.service
per day = 1
)";

class BrokerHost {
 public:
  explicit BrokerHost(Limits limits = {}, uid_t worker = ::getuid(), const char* log = nullptr)
      : log_path_(log != nullptr ? log : scratch_ / "audit.log") {
    auto listening = make_listener(scratch_ / "sock", ::getgid());
    REQUIRE(listening);
    listener_ = std::move(*listening);
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    signals_ = UniqueFd(ends[0]);
    signal_source_ = UniqueFd(ends[1]);
    server_ = std::make_unique<Server>(Powers{policy_, leases, installer, services, usage, audit_,
                                              "all of it", [this] { return helpers_alive; }},
                                       listener_.get(), signals_.get(), worker, limits);
  }

  /// A worker that has connected, and been accepted if there was room.
  Channel connect() {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, (scratch_ / "sock").c_str());
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    run();
    return Channel(std::move(socket));
  }
  /// One that has said Hello.
  Channel greet() {
    auto worker = connect();
    REQUIRE(std::holds_alternative<HelloAnswer>(ask(worker, Hello{})));
    return worker;
  }
  /// The loop, until there is nothing to do.
  void run() {
    while (server_->turn(0ms)) {
    }
  }
  Answer ask(Channel& worker, Request request) {
    REQUIRE(worker.send(request, in(1s)));
    run();
    auto answer = worker.receive<Answer>(in(1s));
    REQUIRE_MESSAGE(answer, answer.error().message);
    return std::move(*answer);
  }
  Refused ask_in_vain(Channel& worker, Request request) {
    auto answer = ask(worker, std::move(request));
    REQUIRE(std::holds_alternative<Refused>(answer));
    return std::get<Refused>(answer);
  }
  /// The broker has ended the connection, and the log says so in these words.
  void check_ended(Channel& worker, const std::string& why) {
    run();
    const auto answer = worker.receive<Answer>(in(0ms));
    REQUIRE(!answer);
    CHECK(answer.error().kind == Error::Kind::closed);
    CHECK_MESSAGE(log().find(why) != std::string::npos, why << " is not in:\n" << log());
  }
  /// From now on no line can be written to the log.
  void fill_log() { audit_ = Audit(UniqueFd(::open("/dev/full", O_WRONLY | O_CLOEXEC)), {}); }
  void send_signal(int number) {
    signalfd_siginfo info{};
    info.ssi_signo = static_cast<std::uint32_t>(number);
    REQUIRE(::write(signal_source_.get(), &info, sizeof info) == sizeof info);
  }
  [[nodiscard]] std::string log() const { return contents_of(log_path_); }
  Server& server() { return *server_; }
  [[nodiscard]] const Scratch& scratch() const { return scratch_; }

 private:
  Scratch scratch_;
  std::string log_path_;
  Policy policy_ = read_policy(kPolicy, "policy.conf").value();
  UniqueFd state_ = scratch_.open();
  Audit audit_{UniqueFd(::open(log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)), {}};

 public:
  FakeLeases leases;
  FakeServices services{kNoPolicy, -1, nullptr};
  FakeInstaller installer{kNoPolicy, nullptr, services};
  std::int64_t now = 1'700'000'000;
  Usage usage{state_.get(), [this] { return now; }};
  bool helpers_alive = true;

 private:
  UniqueFd listener_, signals_, signal_source_;
  std::unique_ptr<Server> server_;
};

}  // namespace certlatch::test
