// SPDX-License-Identifier: MIT
// One connection: what may be said when, and what each request does.
#include "broker/session.h"

#include "tests/unit/broker/broker_host.h"

namespace certlatch {
namespace {

using namespace test;

std::vector<Request> every_request() {
  std::vector<Request> list;
  list.emplace_back(Hello{});
  list.emplace_back(Open{"http", 0});
  list.emplace_back(Close{1});
  list.emplace_back(Install{"example.org", "chain", Secret::copy_of("key")});
  list.emplace_back(Restart{"nginx"});
  list.emplace_back(Status{});
  Stage stage;
  stage.entry = "example.org";
  list.emplace_back(std::move(stage));
  list.emplace_back(StatusOf{});
  return list;
}

TEST_CASE("Hello tells version, policy and confinement") {
  BrokerHost host;
  auto worker = host.connect();
  const auto answer = std::get<HelloAnswer>(host.ask(worker, Hello{}));
  CHECK(answer.version == kProtocolVersion);
  CHECK(answer.policy == read_policy(kPolicy, "policy.conf")->digest);
  CHECK(answer.confinement == "all of it");
}

TEST_CASE("another version of the protocol is refused, and the right one may still be said") {
  BrokerHost host;
  auto worker = host.connect();
  CHECK(host.ask_in_vain(worker, Hello{2}).sentence.find("version 1") != std::string::npos);
  CHECK(std::holds_alternative<HelloAnswer>(host.ask(worker, Hello{1})));
}

TEST_CASE("before Hello nothing but Hello is answered") {
  for (auto& request : every_request()) {
    if (std::holds_alternative<Hello>(request)) continue;
    CAPTURE(request.index());
    BrokerHost host;
    auto worker = host.connect();
    REQUIRE(worker.send(request, in(1s)));
    host.check_ended(worker, "outcome=violation");
    CHECK(host.leases.last == 0);
    CHECK(host.services.restarts == 0);
    CHECK(host.installer.last_key.empty());
  }
}

TEST_CASE("after Hello everything but Hello is answered") {
  for (auto& request : every_request()) {
    CAPTURE(request.index());
    BrokerHost host;
    auto worker = host.greet();
    if (std::holds_alternative<Hello>(request)) {
      REQUIRE(worker.send(request, in(1s)));
      host.check_ended(worker, "a second Hello");
    } else {
      host.ask(worker, std::move(request));
    }
  }
}

TEST_CASE("an opening is a lease of the connection, and Close ends it") {
  BrokerHost host;
  auto worker = host.greet();
  const auto opened = std::get<Opened>(host.ask(worker, Open{"http", 30}));
  CHECK(opened.seconds == 30);
  CHECK(host.leases.held.size() == 1);
  CHECK(std::holds_alternative<Closed>(host.ask(worker, Close{opened.lease})));
  CHECK(host.leases.held.empty());
  CHECK(host.log().find("what=\"open http\" outcome=allowed") != std::string::npos);
  CHECK(host.log().find("what=\"open http\" outcome=done") != std::string::npos);
  CHECK(host.log().find("what=\"close 1\" outcome=done") != std::string::npos);
}

TEST_CASE("closing a lease that is over is no error") {
  BrokerHost host;
  auto worker = host.greet();
  CHECK(std::holds_alternative<Closed>(host.ask(worker, Close{99})));
}

TEST_CASE("another connection's lease cannot be closed") {
  BrokerHost host;
  auto one = host.greet();
  auto other = host.greet();
  const auto opened = std::get<Opened>(host.ask(one, Open{"http", 30}));
  CHECK(host.ask_in_vain(other, Close{opened.lease}).reason == RefusalReason::policy);
  CHECK(host.leases.held.size() == 1);
}

TEST_CASE("a port that could not be shut tidily is reported, and is not this connection's any more") {
  BrokerHost host;
  auto worker = host.greet();
  host.ask(worker, Open{"http", 30});
  host.leases.close_outcome = fail(Error::refused("the gate stays"));
  CHECK(host.ask_in_vain(worker, Close{1}).reason == RefusalReason::host);
  host.leases.close_outcome = {};
  CHECK(std::holds_alternative<Closed>(host.ask(worker, Close{1})));
}

TEST_CASE("what the policy does not name is refused and logged") {
  BrokerHost host;
  auto worker = host.greet();
  for (const Refused& refused :
       {host.ask_in_vain(worker, Open{"https", 0}), host.ask_in_vain(worker, Restart{"sshd"}),
        host.ask_in_vain(worker, Install{"example.net", "", Secret()})}) {
    CHECK(refused.reason == RefusalReason::policy);
    CHECK(refused.line == 0);
  }
  CHECK(host.leases.last == 0);
  CHECK(host.services.restarts == 0);
  CHECK(host.log().find("what=\"open https\" outcome=refused") != std::string::npos);
  CHECK(host.log().find("what=\"service sshd\" outcome=refused") != std::string::npos);
  CHECK(host.log().find("what=\"install example.net\" outcome=refused") != std::string::npos);
}

TEST_CASE("a refusal of the host's reaches worker and log") {
  BrokerHost host;
  auto worker = host.greet();
  host.leases.refusal = Refused{RefusalReason::conflict, 5, "somebody listens on port 80", {}};
  CHECK(host.ask_in_vain(worker, Open{"http", 0}).sentence == "somebody listens on port 80");
  host.installer.refusal = Refused{RefusalReason::pair, 11, "the key does not fit", {}};
  CHECK(host.ask_in_vain(worker, Install{"example.org", "", Secret()}).reason == RefusalReason::pair);
  host.services.refusal = Refused{RefusalReason::command, 17, "nginx did not reload", "its output"};
  CHECK(host.ask_in_vain(worker, Restart{"nginx"}).output == "its output");
  for (const char* reason : {"reason=conflict line=5", "reason=pair line=11", "reason=command line=17"})
    CHECK(host.log().find(reason) != std::string::npos);
}

TEST_CASE("a budget that is used up refuses, says when, and is free again after a day") {
  BrokerHost host;
  auto worker = host.greet();
  host.ask(worker, Open{"http", 1});
  host.now += 3600;
  host.ask(worker, Open{"http", 1});
  const auto refused = host.ask_in_vain(worker, Open{"http", 1});
  CHECK(refused.reason == RefusalReason::budget);
  CHECK(refused.line == 10);
  CHECK(refused.sentence.find("allowed again in 23 h 0 min") != std::string::npos);
  CHECK(host.leases.last == 2);
  host.now += 23 * 3600;
  CHECK(std::holds_alternative<Opened>(host.ask(worker, Open{"http", 1})));
}

TEST_CASE("an attempt counts, whether or not it succeeds") {
  BrokerHost host;
  auto worker = host.greet();
  host.services.refusal = Refused{RefusalReason::check, 17, "", ""};
  CHECK(host.ask_in_vain(worker, Restart{"nginx"}).reason == RefusalReason::check);
  CHECK(host.ask_in_vain(worker, Restart{"nginx"}).reason == RefusalReason::budget);
  CHECK(host.services.restarts == 1);
}

TEST_CASE("a service is restarted for the whole pairs that name it") {
  BrokerHost host;
  const Digest one{std::byte{1}}, two{std::byte{2}};
  host.installer.pairs = {{"a", PairState::whole, 1, one, 0, {"nginx"}},
                          {"b", PairState::altered, 1, two, 0, {"nginx"}},
                          {"c", PairState::absent, 0, two, 0, {"nginx"}},
                          {"d", PairState::whole, 1, two, 0, {"exim"}}};
  auto worker = host.greet();
  CHECK(std::get<Restarted>(host.ask(worker, Restart{"nginx"})).output == "reloaded\n");
  REQUIRE(host.services.loaded.size() == 1);
  CHECK(host.services.loaded[0].install == "a");
  CHECK(host.services.loaded[0].fingerprint == one);
}

TEST_CASE("an installed key reaches the installer and not the log") {
  BrokerHost host;
  auto worker = host.greet();
  const auto answer = host.ask(worker, Install{"example.org", "chain", Secret::copy_of("very secret")});
  CHECK(std::get<Installed>(answer).version == 7);
  CHECK(host.installer.last_key == "very secret");
  CHECK(host.log().find("secret") == std::string::npos);
}

TEST_CASE("what is staged stays or goes with its service's check, and goes with the connection") {
  BrokerHost host;
  auto worker = host.greet();
  Stage stage;
  stage.entry = "example.org";
  CHECK(std::holds_alternative<Installed>(host.ask(worker, std::move(stage))));
  SUBCASE("passed") {
    host.ask(worker, Restart{"nginx"});
    CHECK(host.installer.staged == "stage example.org;keep nginx;");
  }
  SUBCASE("passed, but the command failed") {
    host.services.refusal = Refused{RefusalReason::command, 1, "no", ""};
    CHECK(host.ask_in_vain(worker, Restart{"nginx"}).sentence == "no");
    CHECK(host.installer.staged == "stage example.org;keep nginx;");
  }
  SUBCASE("failed") {
    host.services.refusal = Refused{RefusalReason::check, 1, "no", ""};
    CHECK(host.ask_in_vain(worker, Restart{"nginx"}).sentence == "no; undone: example.org");
    CHECK(host.installer.staged == "stage example.org;undo nginx;");
  }
  SUBCASE("the connection ends") {
    worker = Channel(UniqueFd());
    host.run();
    CHECK(host.installer.staged == "stage example.org;undo ;");
    CHECK(host.log().find("undone: example.org") != std::string::npos);
  }
}

TEST_CASE("Status tells leases, budgets and openings") {
  BrokerHost host;
  auto worker = host.greet();
  host.ask(worker, Open{"http", 1});
  const auto status = std::get<StatusAnswer>(host.ask(worker, Status{}));
  REQUIRE(status.leases.size() == 1);
  CHECK(status.leases[0].entry == "http");
  REQUIRE(status.budgets.size() == 2);
  CHECK(status.budgets[0].entry == "open http");
  CHECK(status.budgets[0].left == 1);
  REQUIRE(status.openings.size() == 1);
  CHECK(status.openings[0].to_port == 8080);
  CHECK(status.services[0].entry == "nginx");
}

TEST_CASE("an answer that does not fit into a frame is a refusal") {
  BrokerHost host;
  for (int i = 0; i < 2000; ++i)
    host.installer.pairs.push_back({"name-of-an-entry", PairState::whole, 1, {}, 0, {}});
  auto worker = host.greet();
  CHECK(host.ask_in_vain(worker, Status{}).reason == RefusalReason::host);
}

TEST_CASE("StatusOf tells the installs that it names, and all services with what they have loaded of these") {
  BrokerHost host;
  for (const char* entry : {"example.org", "other.org"})
    host.installer.pairs.push_back({entry, PairState::whole, 1, {}, 0, {"nginx"}, "/x"});
  host.services.loaded = {{"example.org", {}}, {"other.org", {}}};
  auto worker = host.greet();
  const auto ask = [&](std::vector<std::string> installs) {
    StatusOf request;
    request.installs = std::move(installs);
    return std::get<StatusAnswer>(host.ask(worker, std::move(request)));
  };
  const auto one = ask({"other.org", "unknown"});
  REQUIRE(one.installs.size() == 1);
  CHECK(one.installs[0].entry == "other.org");
  REQUIRE(one.services.size() == 1);
  REQUIRE(one.services[0].loaded.size() == 1);
  CHECK(one.services[0].loaded[0].install == "other.org");
  CHECK(one.openings.size() == 1);
  CHECK(one.budgets.size() == 2);
  const auto none = ask({""});
  CHECK(none.installs.empty());
  CHECK(none.services[0].loaded.empty());
  CHECK(none.openings.size() == 1);
  for (int i = 0; i < 2000; ++i)
    host.installer.pairs.push_back({"name-of-an-entry", PairState::whole, 1, {}, 0, {}});
  CHECK(ask({"other.org"}).installs.size() == 1);
  CHECK([&] {
    StatusOf request;
    request.installs = {"name-of-an-entry"};
    return host.ask_in_vain(worker, std::move(request)).reason;
  }() == RefusalReason::host);
}

TEST_CASE("without a line in the log nothing is done") {
  BrokerHost host({}, ::getuid(), "/dev/full");
  auto worker = host.connect();
  const auto refused = host.ask_in_vain(worker, Hello{});
  CHECK(refused.reason == RefusalReason::host);
  CHECK(refused.sentence.find("audit log") != std::string::npos);
}

TEST_CASE("a log that fills up stops every act, but not the shutting of a port") {
  BrokerHost host;
  auto worker = host.greet();
  host.ask(worker, Open{"http", 1});
  host.fill_log();
  CHECK(host.ask_in_vain(worker, Open{"http", 1}).reason == RefusalReason::host);
  CHECK(host.ask_in_vain(worker, Restart{"nginx"}).reason == RefusalReason::host);
  CHECK(host.ask_in_vain(worker, Install{"example.org", "", Secret()}).reason == RefusalReason::host);
  CHECK(host.leases.last == 1);
  CHECK(host.services.restarts == 0);
  CHECK(host.usage.left("service nginx", 1) == 1);
  CHECK(std::holds_alternative<Closed>(host.ask(worker, Close{1})));
  CHECK(host.leases.held.empty());
}

TEST_CASE("a budget that cannot be written down stops the act") {
  BrokerHost host;
  auto worker = host.greet();
  std::filesystem::create_directory(host.scratch() / "usage.new");  // in the way of the record
  CHECK(host.ask_in_vain(worker, Open{"http", 1}).reason == RefusalReason::host);
  CHECK(host.leases.last == 0);
}

}  // namespace
}  // namespace certlatch
