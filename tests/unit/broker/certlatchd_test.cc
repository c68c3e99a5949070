// SPDX-License-Identifier: MIT
// The program itself, with its real parts: how it starts, how it refuses to, and that its filter allows all
// it does.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "broker/listener.h"
#include "protocol/channel.h"
#include "protocol/messages.h"
#include "tests/unit/install/scratch.h"
#include "tests/unit/install/test_pair.h"

namespace certlatch {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr uid_t kWorker = 65534;  // nobody

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

/// A directory that only root can write to, all the way up: what /tmp is not.
class Site {
 public:
  Site() {
    char name[] = "/run/certlatch-test-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
    REQUIRE(::chmod(name, 0755) == 0);
    write_file(*this / "policy", policy());
  }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;
  ~Site() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::string policy() const {
    return "[broker]\nworker = nobody\nuser = games\naudit = " + *this / "audit.log" +
           "\n[open http]\nport = 80\nto = :8080\ninterface = eth0\ngate = none\nat most = 1m\nper day = 9\n"
           "[install example.org]\nnames = example.org\nowner = root:www-data\nmode = 0640\ncombined = yes\n"
           "services = echo\ndirectory = " +
           *this / "pair" +
           "\n[service echo]\ncommand = /bin/echo reloaded\ncheck = /bin/echo checked\nper day = 9\n";
  }

 private:
  std::string path_;
};

/// A listener on port 8080 in this process's network namespace, until the other end of `life` is closed. (Not
/// until the parent dies: a process confined by Landlock sends no signal to one that is not.)
void start_responder(int life, int other_end) {
  if (::fork() != 0) return;
  ::close(other_end);
  const int responder = ::socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(8080);
  char byte = 0;
  if (::bind(responder, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(responder, 1) == 0)
    (void)!::read(life, &byte, 1);
  ::_exit(0);
}

class Daemon {
 public:
  explicit Daemon(const Site& site, std::vector<std::string> more = {}, int inherited = -1) : site_(site) {
    std::vector<std::string> words = {CERTLATCHD,    "--policy",    site / "policy", "--socket",
                                      site / "sock", "--state",     site / "state",  "--run",
                                      site / "run",  "--foreground"};
    words.insert(words.end(), more.begin(), more.end());
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd responders_end(ends[0]);
    life_ = UniqueFd(ends[1]);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::unshare(CLONE_NEWNET) != 0) ::_exit(99);
    start_responder(responders_end.get(), life_.get());
    const int log = ::open((site / "stderr").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    if (inherited >= 0) {
      if (inherited == 3)
        ::fcntl(3, F_SETFD, 0);
      else
        ::dup2(inherited, 3);
      ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
      ::setenv("LISTEN_FDS", "1", 1);
    }
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execv(CERTLATCHD, arguments.data());
    ::_exit(98);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  void signal(int number) const { REQUIRE(::kill(pid_, number) == 0); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string log() const { return contents_of(site_ / "stderr"); }
  /// The exit status, once it has ended by itself; 1000 + N when signal N ended it.
  int status() {
    int status = 0;
    REQUIRE(::waitpid(std::exchange(pid_, -1), &status, 0) > 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  /// As the worker, once the broker is there.
  [[nodiscard]] Channel connect() const {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, (site_ / "sock").c_str());
    bool is_connected = false;
    for (int tries = 0; tries < 500 && !is_connected; ++tries) {
      REQUIRE(::setegid(kWorker) == 0);
      REQUIRE(::seteuid(kWorker) == 0);
      is_connected =
          ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
      REQUIRE(::seteuid(0) == 0);
      REQUIRE(::setegid(0) == 0);
      if (!is_connected) std::this_thread::sleep_for(20ms);
    }
    REQUIRE_MESSAGE(is_connected, log());
    return Channel(std::move(socket));
  }
  [[nodiscard]] Answer ask(Channel& worker, Request request) const {
    REQUIRE(worker.send(request, in(5s)));
    auto answer = worker.receive<Answer>(in(20s));
    REQUIRE_MESSAGE(answer, answer.error().message << "\n" << log());
    if (const auto* refused = std::get_if<Refused>(&*answer)) MESSAGE(refused->sentence);
    return std::move(*answer);
  }

 private:
  const Site& site_;
  pid_t pid_ = -1;
  UniqueFd life_;  // of the responder
};

TEST_CASE("the broker serves every request confined, and ends when told to") {
  const Site site;
  Daemon broker(site);
  auto worker = broker.connect();
  const auto hello = std::get<HelloAnswer>(broker.ask(worker, Hello{}));
  CHECK(hello.confinement.find("cap_net_admin, cap_chown, landlock") != std::string::npos);
  CHECK(hello.confinement.ends_with("seccomp"));
  const auto opened = std::get<Opened>(broker.ask(worker, Open{"http", 1}));
  std::this_thread::sleep_for(1200ms);  // its end is tidied up
  CHECK(std::holds_alternative<Closed>(broker.ask(worker, Close{opened.lease})));
  const auto second = std::get<Opened>(broker.ask(worker, Open{"http", 60}));
  CHECK(std::holds_alternative<Closed>(broker.ask(worker, Close{second.lease})));
  const auto pair = good_pair();
  for (std::uint32_t version = 1; version <= 5; ++version)
    CHECK(
        std::get<Installed>(broker.ask(worker, Install{"example.org", pair.chain, Secret::copy_of(pair.key)}))
            .version == version);
  CHECK(std::get<Restarted>(broker.ask(worker, Restart{"echo"})).output == "checked\nreloaded\n");
  const auto status = std::get<StatusAnswer>(broker.ask(worker, Status{}));
  REQUIRE(status.installs.size() == 1);
  CHECK(status.installs[0].state == PairState::whole);
  REQUIRE(status.services.size() == 1);
  REQUIRE(status.services[0].loaded.size() == 1);
  CHECK(status.services[0].loaded[0].fingerprint == status.installs[0].fingerprint);
  CHECK(std::holds_alternative<Opened>(broker.ask(worker, Open{"http", 60})));
  broker.signal(SIGTERM);
  CHECK(broker.status() == 0);
  CHECK(broker.log().find("lease 3 was open: shut") != std::string::npos);
  CHECK(contents_of(site / "audit.log").find("outcome=stopped detail=\"signal 15\"") != std::string::npos);
}

TEST_CASE("what was remembered is remembered by the next broker") {
  const Site site;
  for (std::uint32_t left : {8U, 7U}) {
    Daemon broker(site);
    auto worker = broker.connect();
    CHECK(std::holds_alternative<HelloAnswer>(broker.ask(worker, Hello{})));
    CHECK(std::holds_alternative<Restarted>(broker.ask(worker, Restart{"echo"})));
    const auto status = std::get<StatusAnswer>(broker.ask(worker, Status{}));
    CHECK(status.budgets.back().left == left);
    broker.signal(SIGINT);
    CHECK(broker.status() == 0);
  }
}

TEST_CASE("started by its socket it leaves when idle, and the socket stays") {
  const Site site;
  const auto listener = make_listener(site / "sock", kWorker);
  REQUIRE(listener);
  for (int round = 0; round < 2; ++round) {
    Daemon broker(site, {"--idle", "1"}, listener->get());
    {
      auto worker = broker.connect();
      CHECK(std::holds_alternative<HelloAnswer>(broker.ask(worker, Hello{})));
    }
    CHECK(broker.status() == 0);
    CHECK(broker.log().find("outcome=stopped detail=\"idle\"") != std::string::npos);
  }
}

TEST_CASE("a second broker does not start while the first one answers") {
  const Site site;
  const Daemon first(site);
  auto worker = first.connect();
  CHECK(std::holds_alternative<HelloAnswer>(first.ask(worker, Hello{})));
  Daemon second(site);
  CHECK(second.status() == 1);
  CHECK(second.log().find("another broker answers at") != std::string::npos);
  CHECK(std::holds_alternative<StatusAnswer>(first.ask(worker, Status{})));
}

TEST_CASE("a broker whose helper is gone ends, so that a fresh one can start") {
  const Site site;
  Daemon broker(site);
  auto worker = broker.connect();
  CHECK(std::holds_alternative<HelloAnswer>(broker.ask(worker, Hello{})));
  std::istringstream children(contents_of(fmt::format("/proc/{0}/task/{0}/children", broker.pid())));
  for (pid_t child = 0; children >> child;)
    if (contents_of(fmt::format("/proc/{}/comm", child)).starts_with("certlatch-inspe"))
      ::kill(child, SIGKILL);
  CHECK(broker.status() == 1);
  CHECK(broker.log().find("the inspector or the runner has ended") != std::string::npos);
}

TEST_CASE("what stands in the way of a start is said in a sentence") {
  const Site site;
  const auto policy = site.policy();
  const auto refuses = [&](const std::string& sentence) {
    CAPTURE(sentence);
    Daemon broker(site);
    CHECK(broker.status() == 1);
    CHECK_MESSAGE(broker.log().find(sentence) != std::string::npos, broker.log());
    CHECK_FALSE(std::filesystem::exists(site / "sock"));
  };
  SUBCASE("no policy") {
    std::filesystem::remove(site / "policy");
    refuses("No such file or directory");
  }
  SUBCASE("a policy that others may write to") {
    REQUIRE(::chmod((site / "policy").c_str(), 0666) == 0);
    refuses("chmod go-w");
  }
  SUBCASE("a fault in the policy, each with its line") {
    write_file(site / "policy",
               replaced(replaced(policy, "port = 80\n", "port = 0\n"), "mode = 0640", "mood = 1"));
    refuses("policy:6: ");
    refuses("policy:15: ");
  }
  SUBCASE("no such worker") {
    write_file(site / "policy", replaced(policy, "worker = nobody", "worker = certlatch-none"));
    refuses("there is no user certlatch-none; make it with: adduser");
  }
  SUBCASE("no such user for the broker") {
    write_file(site / "policy", replaced(policy, "user = games", "user = certlatch-none"));
    refuses("there is no user certlatch-none; make it with: adduser --system --group --no-create-home");
  }
  SUBCASE("the worker's own user for the broker") {
    write_file(site / "policy", replaced(policy, "user = games", "user = nobody"));
    refuses("policy:3: `worker` and `user` are one");
  }
  SUBCASE("no directory for the log") {
    write_file(site / "policy", replaced(policy, "audit.log", "none/audit.log"));
    refuses("make it with: install -d");
  }
  SUBCASE("somebody else's state") {
    std::filesystem::create_directory(site / "state");
    REQUIRE(::chown((site / "state").c_str(), kWorker, kWorker) == 0);
    refuses("who could change it");
  }
  SUBCASE("a directory for a pair that others may write to") {
    std::filesystem::create_directory(site / "pair");
    REQUIRE(::chmod((site / "pair").c_str(), 0777) == 0);
    // The socket was made by then: it goes with the next start.
    Daemon broker(site);
    CHECK(broker.status() == 1);
    CHECK(broker.log().find("may be written to by others") != std::string::npos);
  }
}

TEST_CASE("every option is read, in both forms; of --foreground and --quiet the last counts") {
  const Site site;
  const auto moved = site / "moved";
  std::filesystem::create_directory(moved);
  std::filesystem::rename(site / "policy", moved + "/policy");
  Daemon broker(site, {"--policy=" + moved + "/policy", "--socket=" + moved + "/sock",
                       "--state=" + moved + "/state", "--run=" + moved + "/run", "--idle=1", "--quiet"});
  CHECK(broker.status() == 0);  // idle
  CHECK(broker.log().empty());
  for (const char* name : {"sock", "state", "run"}) {
    CHECK(std::filesystem::exists(moved + "/" + name));
    CHECK_FALSE(std::filesystem::exists(site / name));
  }
}

TEST_CASE("help and version are printed, and nothing is done") {
  const Site site;
  Daemon help(site, {"--help"});
  CHECK(help.status() == 0);
  CHECK(help.log().starts_with("Usage: certlatchd [OPTION]..."));
  Daemon version(site, {"--version"});
  CHECK(version.status() == 0);
  CHECK(version.log().starts_with("certlatchd "));
  CHECK_FALSE(std::filesystem::exists(site / "sock"));
}

TEST_CASE("a wrong command line is told apart by its exit status, and what cannot be meant is named") {
  const Site site;
  for (const auto& [arguments, sentence] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--polcy", "/p"}, "unknown option --polcy"},
           {{"x"}, "unknown option x"},
           {{"--foreground=yes"}, "unknown option --foreground=yes"},
           {{"--policy"}, "--policy needs a value"},
           {{"--policy", "relative"}, "--policy needs an absolute path"},
           {{"--policy="}, "--policy needs an absolute path"},
           {{"--idle", "0"}, "--idle needs a number of seconds, 1 or more"},
           {{"--idle", "5x"}, "--idle needs a number of seconds, 1 or more"},
           {{"--idle", "99999999999"}, "--idle needs a number of seconds, 1 or more"},
           {{"--idle=-1"}, "--idle needs a number of seconds, 1 or more"},
           {{"--idle="}, "--idle needs a number of seconds, 1 or more"}}) {
    CAPTURE(sentence);
    Daemon wrong(site, arguments);
    CHECK(wrong.status() == 2);
    CHECK(wrong.log().starts_with("certlatchd: " + sentence + "\nUsage: "));
  }
}

}  // namespace
}  // namespace certlatch
