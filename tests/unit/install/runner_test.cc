// SPDX-License-Identifier: MIT
// The real program, with the commands as a policy lists them on a host without systemd.
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "broker/helper_process.h"
#include "broker/services.h"
#include "tests/unit/install/scratch.h"

using namespace certlatch;
using namespace certlatch::test;
using namespace std::chrono_literals;

namespace {

ServiceEntry service(const std::string& script, std::uint32_t timeout = 10) {
  ServiceEntry entry;
  entry.name = "s";
  entry.command = {"/bin/sh", "-c", script};
  entry.timeout = timeout;
  return entry;
}

Result<RunOutcome> run(const ServiceEntry& entry) {
  Policy policy;
  policy.services = {entry};
  auto runner = start_runner(CERTLATCH_RUNNER, policy);
  if (!runner) return fail(runner.error());
  return run(*runner, policy, 0, RunWhat::restart, wait_alone);
}
RunOutcome run(const std::string& script, std::uint32_t timeout = 10) {
  auto outcome = run(service(script, timeout));
  REQUIRE_MESSAGE(outcome, outcome.error().message);
  return *outcome;
}

std::chrono::milliseconds since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

}  // namespace

TEST_CASE("a command's exit status, signal or missing program comes back") {
  CHECK(run("exit 0").failure.empty());
  const auto three = run("echo told; echo why >&2; exit 3");
  CHECK(three.output == "told\nwhy\n");
  CHECK(three.failure == "exited with status 3");
  const auto killed = run("kill -9 $$");
  CHECK(killed.failure == "was killed by signal 9");
  ServiceEntry missing = service("");
  missing.command = {"/nonexistent/program"};
  const auto absent = run(missing);
  REQUIRE(absent);
  CHECK(absent->failure == "could not be started: No such file or directory");
}

TEST_CASE("a command runs as root with a clean environment, no input and no descriptors") {
  ::setenv("CERTLATCH_LEAK", "1", 1);
  const auto outcome =
      run("id -u; umask; env | sort; readlink /proc/self/fd/0; i=0; "
          "while [ $i -lt 20 ]; do test ! -e /proc/$$/fd/$i || echo $i; i=$((i+1)); done");
  ::unsetenv("CERTLATCH_LEAK");
  CHECK(outcome.output.starts_with("0\n0022\nLANG=C.UTF-8\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nPWD="));
  CHECK(outcome.output.find("LEAK") == std::string::npos);
  CHECK(outcome.output.ends_with("/dev/null\n0\n1\n2\n"));
}

TEST_CASE("a command that does not end is ended, with all that it started") {
  Scratch scratch;
  const auto start = std::chrono::steady_clock::now();
  const auto outcome = run(fmt::format("echo begun; (sleep 3; touch {}) & sleep 100", scratch / "late"), 1);
  CHECK(since(start) < 3s);
  CHECK(outcome.failure == "had not ended after 1 s and was stopped");
  CHECK(outcome.output == "begun\n");
  std::this_thread::sleep_for(2500ms);
  CHECK_FALSE(std::filesystem::exists(scratch / "late"));
}

TEST_CASE("a command that ignores the first signal is killed by the second") {
  const auto start = std::chrono::steady_clock::now();
  const auto outcome = run("trap '' TERM; while :; do sleep 1; done", 1);
  CHECK(outcome.failure == "had not ended after 1 s and was stopped");
  CHECK(since(start) >= 3s);
  CHECK(since(start) < 5s);
}

TEST_CASE("of much output the end is kept, and only what a terminal can take") {
  const auto much =
      run("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; printf 'a\\033[2Jb\\r\\200'");
  CHECK(much.output.size() == kMaxOutputBytes);
  CHECK(much.output.ends_with("line 19999\na?[2Jb??"));
}

TEST_CASE("endless output does not outrun the deadline") {
  const auto start = std::chrono::steady_clock::now();
  CHECK(run("yes", 1).failure == "had not ended after 1 s and was stopped");
  CHECK(since(start) < 4s);
}

TEST_CASE("what a command prints before it closes its output is kept, and its end is waited for") {
  const auto start = std::chrono::steady_clock::now();
  const auto outcome = run("echo told; exec >&- 2>&-; sleep 0.5; exit 3");
  CHECK(outcome.output == "told\n");
  CHECK(outcome.failure == "exited with status 3");
  CHECK(since(start) >= 500ms);
}

TEST_CASE("a daemon that keeps the output open does not hold the answer up") {
  const auto start = std::chrono::steady_clock::now();
  const auto outcome = run("setsid sh -c 'sleep 2; exit' & echo started");
  CHECK(outcome.failure.empty());
  CHECK(outcome.output == "started\n");
  CHECK(since(start) < 1500ms);
}

TEST_CASE("a daemon that writes without end does not hold the answer up") {
  const auto start = std::chrono::steady_clock::now();
  CHECK(run("setsid yes & sleep 0.2").failure.empty());
  CHECK(since(start) < 1500ms);
}

TEST_CASE("units are reloaded by the service manager that is there, checks as written") {
  Policy policy;
  ServiceEntry entry = service("");
  entry.action = ServiceAction::reload_unit;
  entry.unit = "certlatch-test-no-such-unit.service";
  entry.check = {"/bin/sh", "-c", "echo checked; exit 1"};
  policy.services = {entry};
  auto runner = start_runner(CERTLATCH_RUNNER, policy);
  REQUIRE(runner);
  const auto reloaded = run(*runner, policy, 0, RunWhat::restart, wait_alone);
  REQUIRE(reloaded);
  CHECK_FALSE(reloaded->failure.empty());
  CHECK(reloaded->output.find("certlatch-test-no-such-unit") != std::string::npos);
  if (std::filesystem::exists("/run/systemd/system"))
    return;  // the check would be a transient unit of this machine
  const auto checked = run(*runner, policy, 0, RunWhat::check, wait_alone);
  REQUIRE(checked);
  CHECK(checked->failure == "exited with status 1");
  CHECK(checked->output == "checked\n");
}

TEST_CASE("one runner runs any number of commands, the policy's and no others") {
  Policy policy;
  policy.services = {service("echo first"), service("echo second")};
  auto runner = start_runner(CERTLATCH_RUNNER, policy);
  REQUIRE(runner);
  for (int i = 0; i < 3; ++i) {
    CHECK(run(*runner, policy, 0, RunWhat::restart, wait_alone)->output == "first\n");
    CHECK(run(*runner, policy, 1, RunWhat::restart, wait_alone)->output == "second\n");
  }
  CHECK(runner->is_alive());
  // There is no check to run: the runner ends rather than guess.
  const auto none = run(*runner, policy, 0, RunWhat::check, wait_alone);
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == Error::Kind::closed);
  CHECK_FALSE(runner->is_alive());
  CHECK_FALSE(run(*runner, policy, 0, RunWhat::restart, wait_alone));
}

TEST_CASE("an index beyond the table ends the runner") {
  for (const std::uint32_t command : {2U, 3U, 0xffffffffU}) {
    auto helper = HelperProcess::start(CERTLATCH_RUNNER, {"1", "0", "1", "1", "/bin/true"});
    REQUIRE(helper);
    REQUIRE(helper->hear<RunOutcome>(in(5s), wait_alone));
    CHECK(helper->ask<RunOutcome>(Run{1}, in(5s), wait_alone));
    const auto answer = helper->ask<RunOutcome>(Run{command}, in(5s), wait_alone);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message == "certlatch-runner: the peer has closed the connection");
  }
}

TEST_CASE("a table that a policy may well hold is not too large for arguments") {
  Policy policy;
  policy.services.assign(200, service(std::string(2000, ' ') + "echo $0"));
  auto runner = start_runner(CERTLATCH_RUNNER, policy);
  REQUIRE(runner);
  CHECK(run(*runner, policy, 199, RunWhat::restart, wait_alone)->failure.empty());
}

TEST_CASE("a runner that cannot be started is an error that names it") {
  const auto absent = start_runner("/nonexistent/certlatch-runner", {});
  REQUIRE_FALSE(absent);
  CHECK(absent.error().message == "open /nonexistent/certlatch-runner: No such file or directory");
  const auto other = start_runner("/bin/true", {});
  REQUIRE_FALSE(other);
  CHECK(other.error().kind == Error::Kind::closed);
}

TEST_CASE("a broker that gives up waiting does not ask again") {
  Policy policy;
  policy.services = {service("sleep 1")};
  auto runner = start_runner(CERTLATCH_RUNNER, policy);
  REQUIRE(runner);
  const auto late =
      run(*runner, policy, 0, RunWhat::restart, [](int, Deadline) -> Result<bool> { return false; });
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == Error::Kind::closed);
  CHECK_FALSE(runner->is_alive());
}

TEST_CASE("the runner goes when its broker is gone, and lets a command end") {
  Scratch scratch;
  Policy policy;
  policy.services = {service(fmt::format("echo $PPID > {0}/pid; sleep 1; touch {0}/done", scratch.path()))};
  {
    auto runner = start_runner(CERTLATCH_RUNNER, policy);
    REQUIRE(runner);
    const auto given_up = run(*runner, policy, 0, RunWhat::restart, [&](int, Deadline) -> Result<bool> {
      while (contents_of(scratch / "pid").empty()) std::this_thread::sleep_for(10ms);
      return false;
    });
    CHECK_FALSE(given_up);
  }
  const auto status = "/proc/" + std::to_string(std::stoi(contents_of(scratch / "pid"))) + "/status";
  for (int i = 0; i < 300 && contents_of(status).find("Z (zombie)") == std::string::npos; ++i)
    std::this_thread::sleep_for(10ms);
  CHECK(contents_of(status).find("Z (zombie)") !=
        std::string::npos);  // ended; this process never waits for it
  CHECK(std::filesystem::exists(scratch / "done"));
}
