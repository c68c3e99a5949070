// SPDX-License-Identifier: MIT
#include "broker/services.h"

#include "broker/helper_process.h"
#include "broker/install.h"
#include "tests/unit/install/scratch.h"

using namespace certlatch;
using namespace certlatch::test;

namespace {

struct RecordingRunner {
  std::vector<std::string> calls;
  Result<RunOutcome> check_outcome = RunOutcome{"", "syntax is ok\n"};
  Result<RunOutcome> restart_outcome = RunOutcome{"", "reloaded\n"};
  Result<RunOutcome> operator()(std::size_t service, RunWhat what, const Wait&) {
    const bool is_check = what == RunWhat::check;
    calls.push_back(fmt::format("{} {}", is_check ? "check" : "restart", service));
    return is_check ? check_outcome : restart_outcome;
  }
};

struct Host {
  Scratch state;
  UniqueFd directory = state.open();
  RecordingRunner runner;
  Policy policy;

  Host() {
    policy.installs.resize(2);
    policy.installs[0].name = "a.example";
    policy.installs[1].name = "b.example";
    policy.services.resize(2);
    policy.services[0].name = "nginx";
    policy.services[0].action = ServiceAction::reload_unit;
    policy.services[0].unit = "nginx.service";
    policy.services[0].check = {"/usr/sbin/nginx", "-t"};
    policy.services[0].line = 20;
    policy.services[0].check_line = 22;
    policy.services[1].name = "other";
    policy.services[1].command = {"/bin/other", "now"};
    policy.services[1].line = 30;
  }
  std::unique_ptr<Services> start() {
    return std::make_unique<Services>(policy, directory.get(), std::ref(runner));
  }
};

Digest print_of(const std::string& text) { return digest_of(text); }

}  // namespace

TEST_CASE_FIXTURE(Host, "a service is checked before it is restarted") {
  auto services = start();
  const auto answer = services->restart(policy.services[0], {}, wait_alone);
  REQUIRE(std::holds_alternative<Restarted>(answer));
  CHECK(std::get<Restarted>(answer).output == "syntax is ok\nreloaded\n");
  CHECK(runner.calls == std::vector<std::string>{"check 0", "restart 0"});
  CHECK(std::holds_alternative<Restarted>(services->restart(policy.services[1], {}, wait_alone)));
  CHECK(runner.calls.back() == "restart 1");
  CHECK(runner.calls.size() == 3);
}

TEST_CASE_FIXTURE(Host, "a service whose check fails is not restarted, and nothing is remembered") {
  auto services = start();
  runner.check_outcome = RunOutcome{"exited with status 1", "nginx: [emerg] no\n"};
  const auto answer = services->restart(policy.services[0], {{"a.example", print_of("1")}}, wait_alone);
  REQUIRE(std::holds_alternative<Refused>(answer));
  const auto& refused = std::get<Refused>(answer);
  CHECK(refused.reason == RefusalReason::check);
  CHECK(refused.line == 22);
  CHECK(refused.sentence == "service nginx: its check `/usr/sbin/nginx -t` exited with status 1");
  CHECK(refused.output == "nginx: [emerg] no\n");
  CHECK(runner.calls == std::vector<std::string>{"check 0"});
  CHECK(services->status()[0].loaded.empty());
}

TEST_CASE_FIXTURE(Host, "a failed restart is not remembered as loaded") {
  auto services = start();
  runner.restart_outcome = RunOutcome{"had not ended after 60 s and was stopped", ""};
  const auto answer = services->restart(policy.services[0], {{"a.example", print_of("1")}}, wait_alone);
  REQUIRE(std::holds_alternative<Refused>(answer));
  CHECK(std::get<Refused>(answer).reason == RefusalReason::command);
  CHECK(std::get<Refused>(answer).sentence ==
        "service nginx: its reload of nginx.service had not ended after 60 s and was stopped");
  CHECK(services->status()[0].loaded.empty());
  CHECK_FALSE(std::filesystem::exists(state / "services"));
}

TEST_CASE_FIXTURE(Host, "a dead runner is the host's fault") {
  auto services = start();
  runner.restart_outcome = fail(Error::closed("certlatch-runner: it has ended"));
  const auto answer = services->restart(policy.services[1], {}, wait_alone);
  REQUIRE(std::holds_alternative<Refused>(answer));
  CHECK(std::get<Refused>(answer).reason == RefusalReason::host);
}

TEST_CASE_FIXTURE(Host, "what a service has loaded is remembered across broker lives") {
  start()->restart(policy.services[0], {{"a.example", print_of("1")}, {"b.example", print_of("2")}},
                   wait_alone);
  auto later = start();
  later->restart(policy.services[1], {{"b.example", print_of("3")}}, wait_alone);
  const auto status = start()->status();
  REQUIRE(status.size() == 2);
  CHECK(status[0].entry == "nginx");
  REQUIRE(status[0].loaded.size() == 2);
  CHECK(status[0].loaded[1].install == "b.example");
  CHECK(status[0].loaded[1].fingerprint == print_of("2"));
  REQUIRE(status[1].loaded.size() == 1);
  CHECK(status[1].loaded[0].fingerprint == print_of("3"));
  CHECK((std::filesystem::status(state / "services").permissions() == std::filesystem::perms(0600)));
}

TEST_CASE_FIXTURE(Host, "what the policy no longer names is forgotten") {
  start()->restart(policy.services[0], {{"a.example", print_of("1")}, {"b.example", print_of("2")}},
                   wait_alone);
  policy.installs.pop_back();
  CHECK(start()->status()[0].loaded.size() == 1);
  policy.services.erase(policy.services.begin());
  CHECK(start()->status()[0].loaded.empty());
}

TEST_CASE_FIXTURE(Host, "a damaged file means that no service has loaded anything") {
  start()->restart(policy.services[0], {{"a.example", print_of("1")}}, wait_alone);
  const auto good = contents_of(state / "services");
  for (const auto& text :
       {good + "x", good.substr(1), good.substr(0, good.size() - 1), std::string("\0\0", 2)}) {
    write_file(state / "services", text);
    CHECK(start()->status()[0].loaded.empty());
  }
  std::filesystem::remove(state / "services");
  std::filesystem::create_symlink("/etc/passwd", state / "services");
  CHECK(start()->status()[0].loaded.empty());
}

TEST_CASE_FIXTURE(Host, "a restart that cannot be remembered is done, and says so") {
  auto services = start();
  std::filesystem::create_directory(state / "services.new");
  const auto answer = services->restart(policy.services[0], {{"a.example", print_of("1")}}, wait_alone);
  REQUIRE(std::holds_alternative<Restarted>(answer));
  CHECK(std::get<Restarted>(answer).output.find("could not remember") != std::string::npos);
}
