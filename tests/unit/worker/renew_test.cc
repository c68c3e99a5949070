// SPDX-License-Identifier: MIT
#include "worker/run/renew.h"

#include <doctest/doctest.h>

#include "tests/unit/worker/renew_host.h"

using namespace certlatch;

TEST_CASE("a missing certificate is issued, installed and loaded, in this order") {
  Host host;
  const auto outcome = host.renew();
  INFO(host.report.problems);
  CHECK(went_well(outcome));
  CHECK(outcome.changed);
  auto events = host.peers.events();
  // Beside the CA's work: before the challenge, at some moment.
  CHECK(host.peers.when("start dns") < host.peers.when("open"));
  std::erase(events, "start dns");
  CHECK(events == std::vector<std::string>{"connect",
                                           "start keeper",
                                           "start acme",
                                           "account le https://ca.test",
                                           "ca ",
                                           "place a.example ",
                                           "start responder",
                                           "listen 8080",
                                           "answer token-a.example token-a.example.thumb",
                                           "open http",
                                           "validate a.example",
                                           "decided a.example",
                                           "close 1",
                                           "drop token-a.example",
                                           "request a new",
                                           "finalize a.example csr of key 1",
                                           "take a",
                                           "stage a key 1",
                                           "restart nginx",
                                           "forget a"});
  CHECK(host.report.said ==
        "a: certificate issued, valid until 2024-02-12\na: installed as a, version 1\nnginx: restarted\n");
  const auto state = host.state();
  REQUIRE(state.issued);
  CHECK(state.issued->installed == std::vector<std::string>{"a"});
  CHECK_FALSE(state.issued->services_pending);
  CHECK_FALSE(state.key_is_kept);
  CHECK_FALSE(state.order.has_value());
  CHECK(host.peers.keys.empty());
  CHECK(*host.store.account_url("le") == "https://ca.test/account/1");
}

TEST_CASE("nothing due: nobody is talked to and nothing is said") {
  Host host;
  host.renew();
  const auto outcome = host.renew();
  CHECK(went_well(outcome));
  CHECK_FALSE(outcome.changed);
  CHECK(host.peers.events().empty());
  CHECK(host.report.said + host.report.problems + host.report.details == "");
}

TEST_CASE("--force renews what is not due, with a fresh key") {
  Host host;
  host.renew();
  CHECK(host.renew(Force::yes).changed);
  CHECK(host.peers.count("request a new") == 1);
  CHECK(host.peers.count("ca https://ca.test/account/1") == 1);
  CHECK(host.peers.installs["a"].version == 2);
}

TEST_CASE("one opening serves all certificates, from the first that is ready to the last that is decided") {
  Host host({"a", "b", "c"});
  host.peers.validate_together = 3;
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("open http") == 1);
  CHECK(host.peers.count("close") == 1);
  CHECK(host.peers.when("listen 8080") < host.peers.when("open http"));
  CHECK(host.peers.when("open http") < host.peers.when("validate"));
  CHECK(host.peers.when("decided c.example") < host.peers.when("close"));
  CHECK(host.peers.count("restart nginx") == 1);
  CHECK(host.peers.when("stage c") < host.peers.when("restart nginx"));
}

TEST_CASE("no more orders are under way than `parallel` allows, and all are served") {
  Host host({"a", "b", "c"});
  host.config.parallel = 1;
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("finalize") == 3);
  CHECK(host.peers.when("finalize a") < host.peers.when("place b"));
  CHECK(host.peers.count("open http") == 1);
  CHECK(host.peers.when("decided c.example") < host.peers.when("close"));
}

TEST_CASE("an order that is under way comes first, then what was never issued, then what is due") {
  Host host({"due", "other", "missing", "interrupted", "last"});
  host.config.parallel = 1;
  for (const char* name : {"due", "other", "last"}) CHECK(host.renew(Force::no, {name}).changed);
  auto state = host.state("interrupted");
  state.order = PendingOrder{"le", "https://ca.test/order/7", {"interrupted.example"}};
  REQUIRE(host.store.save("interrupted", state));
  host.now += 61 * 24 * 3600;
  CHECK(went_well(host.renew()));
  auto events = host.peers.events();
  std::erase_if(events, [](const auto& event) { return !event.starts_with("place"); });
  CHECK(events == std::vector<std::string>{"place interrupted.example https://ca.test/order/7",
                                           "place missing.example ", "place due.example ",
                                           "place other.example ", "place last.example "});
}

TEST_CASE("authorizations that are still valid need no opening") {
  Host host;
  host.peers.challenges_are_valid = true;
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("open") == 0);
  CHECK(host.peers.count("start responder") == 0);
}

TEST_CASE("each opening of the policy is opened for the certificates that name it") {
  Host host({"a", "b"});
  host.peers.openings.push_back({"lan", 80, 8081, true, 60});
  host.config.certificates[1].opening = "lan";
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("open http") == 1);
  CHECK(host.peers.count("open lan") == 1);
  CHECK(host.peers.when("listen lo 8081") < host.peers.when("open"));
  CHECK(host.peers.count("start responder") == 1);
}

TEST_CASE("a port that is taken opens nothing") {
  Host host({"a", "b"});
  host.peers.port_is_taken = true;
  const auto outcome = host.renew();
  CHECK(outcome.failed);
  CHECK(host.report.problems == "a: port 8080 is taken\nb: port 8080 is taken\n");
  CHECK(host.peers.count("open") == 0);
  CHECK(host.peers.count("validate") == 0);
  CHECK(host.peers.count("start responder") == 1);
}

TEST_CASE("without a broker the CA is not bothered") {
  Host host({"a", "b"});
  host.peers.has_broker = false;
  const auto outcome = host.renew();
  CHECK(outcome.broker_failed);
  CHECK_FALSE(outcome.failed);
  CHECK(host.report.problems == "there is no broker\n");
  CHECK(host.peers.events() == std::vector<std::string>{"connect"});
  CHECK(host.state("b").last_error == "there is no broker");
}

TEST_CASE("entries that the policy does not have are said before the CA is bothered") {
  Host host({"a", "b", "c"});
  host.config.certificates[0].opening = "other";
  host.peers.installs.erase("b");
  const auto outcome = host.renew();
  CHECK(outcome.broker_failed);
  CHECK(host.report.problems ==
        "a: `opening = other`: the policy has no [open other]\nb: `install = b`: the policy has no [install "
        "b]\n");
  CHECK(host.peers.count("place") == 1);
  CHECK(host.state("c").issued.has_value());
}

TEST_CASE("an opening that the broker refuses ends the attempt, and the order is kept") {
  Host host;
  host.peers.refuse_open = {"http"};
  const auto outcome = host.renew();
  CHECK(outcome.broker_failed);
  CHECK(host.report.problems == "a: open http: no (policy line 7)\n  out\n");
  CHECK(host.peers.count("validate") == 0);
  REQUIRE(host.state().order);
  CHECK(host.state().failures.count == 0);
  host.peers.refuse_open.clear();
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("place a.example https://ca.test/order/0") == 1);
}

TEST_CASE("one certificate's failure does not stop the others") {
  Host host({"a", "b", "c"});
  host.peers.fail_order = {"a.example"};
  host.peers.fail_validation = {"b.example"};
  const auto outcome = host.renew();
  CHECK(outcome.failed);
  CHECK(outcome.changed);
  CHECK(host.report.problems.contains(
      "a: newOrder: no\n  urn:ietf:params:acme:error:dns: no such name\n  a.example: t: d\n"));
  CHECK(host.report.said.contains("c: installed as c, version 1"));
  CHECK(host.peers.count("close") == 1);
  CHECK(host.state("a").failures == Failures{1, kNow, host.state("a").last_error});
}

TEST_CASE("a challenge that failed is said with hints, after the door is shut") {
  Host host;
  host.peers.fail_validation = {"a.example"};
  CHECK(host.renew().failed);
  CHECK(host.peers.count("start dns") == 1);
  CHECK(host.report.problems ==
        "a: the CA could not validate\n  urn:ietf:params:acme:error:dns: no such name\n  a.example: t: d\n"
        "  hint: nobody reached the responder: do the names lead to this host, and does whatever stands "
        "before it "
        "let port 80 through?\n"
        "  hint: here, a.example leads to 192.0.2.7\n");
  CHECK(host.state().last_error.starts_with("the CA could not validate"));
}

TEST_CASE("failures back off, --force does not wait") {
  Host host;
  host.peers.fail_order = {"a.example"};
  CHECK(host.renew().failed);
  const auto waits = host.renew();
  CHECK(went_well(waits));
  CHECK(host.peers.events().empty());
  CHECK(host.report.said.empty());
  CHECK(
      host.report.laters.starts_with("a: next attempt at 2023-11-14 23:14 UTC, after 1 failure, the last: "));
  CHECK(host.renew(Force::yes).failed);
  CHECK(host.state().failures.count == 2);
  host.now += 599;
  CHECK(went_well(host.renew()));
  host.now += 1;
  host.peers.fail_order.clear();
  CHECK(host.renew().changed);
  CHECK(host.state().failures.count == 0);
  CHECK(host.state().last_error.empty());
}

TEST_CASE("a chain that could not be installed is installed by the next run, without the CA") {
  Host host;
  host.peers.refuse_install = {"a"};
  const auto first = host.renew();
  CHECK(first.deployment_failed);
  CHECK_FALSE(first.failed);
  CHECK(host.report.problems == "a: install a: no (policy line 7)\n  out\n");
  CHECK(host.peers.count("forget") == 0);
  CHECK(host.state().key_is_kept);
  host.peers.refuse_install.clear();
  const auto second = host.renew();
  CHECK(went_well(second));
  CHECK(second.changed);
  CHECK(host.peers.events() == std::vector<std::string>{"connect", "start keeper", "take a", "stage a key 1",
                                                        "restart nginx", "forget a"});
  CHECK(host.state().last_error.empty());
}

TEST_CASE("a key is put away only when every entry has it") {
  Host host;
  host.config.certificates[0].installs = {"a", "second"};
  host.peers.installs["second"];
  host.peers.refuse_install = {"second"};
  CHECK(host.renew().deployment_failed);
  CHECK(host.peers.count("forget") == 0);
  CHECK(host.peers.keys.contains("a"));
  host.peers.refuse_install.clear();
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("stage a") == 0);
  CHECK(host.peers.count("stage second") == 1);
  CHECK(host.peers.count("forget a") == 1);
}

TEST_CASE("a service that did not restart is restarted by the next run") {
  Host host({"a", "b"});
  host.peers.refuse_restart = {"nginx"};
  const auto first = host.renew();
  CHECK(first.deployment_failed);
  CHECK(host.report.problems == "nginx: restart nginx: no (policy line 7)\n  out\n");
  CHECK(host.state().issued->services_pending);
  CHECK(host.state().last_error.contains("nginx"));
  host.peers.refuse_restart.clear();
  const auto second = host.renew();
  CHECK(went_well(second));
  CHECK(host.peers.count("restart nginx") == 1);
  CHECK(host.peers.count("install") == 0);
  CHECK(host.state().last_error.empty());
  host.renew();
  CHECK(host.peers.events().empty());
}

TEST_CASE("an install that was done but not written down is not done twice") {
  Host host;
  host.renew();
  auto state = host.state();
  state.issued->installed.clear();
  state.key_is_kept = true;
  REQUIRE(host.store.save("a", state));
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("install") == 0);
  CHECK(host.peers.count("restart") == 0);
  CHECK(host.peers.count("forget a") == 1);
}

TEST_CASE("a broker that dies while it installs leaves the chain for the next run") {
  Host host;
  host.peers.broker_dies_at_install = true;
  CHECK(host.renew().deployment_failed);
  CHECK(host.report.problems.contains("a: stage a: the broker has ended the connection; its log says why"));
  CHECK(host.state().issued.has_value());
  host.peers.broker_dies_at_install = false;
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("place") == 0);
}

TEST_CASE(
    "a helper that dies is reported, the door is shut, and the next run goes on with the order and its key") {
  Host host;
  host.peers.acme_dies_at_finalize = true;
  CHECK(host.renew().failed);
  CHECK(host.report.problems == "a: the acme process ended unexpectedly\n");
  CHECK(host.peers.count("close") == 1);
  host.peers.acme_dies_at_finalize = false;
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("place a.example https://ca.test/order/0") == 1);
  CHECK(host.peers.count("request a kept") == 1);
}

TEST_CASE("asked to stop, a run shuts the door and leaves what it has to the next") {
  Host host({"a", "b"});
  host.peers.validate_together = 99;
  host.peers.at_validate = [&] { host.ask_to_stop(); };
  CHECK(host.renew().failed);
  CHECK(host.peers.count("open http") == 1);
  CHECK(host.peers.count("close 1") == 1);
  CHECK(host.report.problems.contains("a: stopped by a signal; the next run goes on from here"));
  CHECK(host.state().order.has_value());
  CHECK(host.state().failures.count == 0);
}

TEST_CASE("only the certificates that were named are worked on") {
  Host host({"a", "b"});
  CHECK(host.renew(Force::no, {"b"}).changed);
  CHECK_FALSE(host.state("a").issued.has_value());
  CHECK(host.state("b").issued.has_value());
}

TEST_CASE("a damaged state is said, and the others are renewed") {
  Host host({"a", "b"});
  REQUIRE(host.store.save("a", {}));
  host.directory.write("certificates/a/state", "nonsense\n");
  CHECK(host.renew().failed);
  CHECK(host.report.problems.contains("certificates/a/state: line 1 is not understood"));
  CHECK(host.state("b").issued.has_value());
}

TEST_CASE("a certificate that is installed nowhere keeps its key") {
  Host host;
  host.config.certificates[0].installs.clear();
  CHECK(went_well(host.renew()));
  CHECK(host.peers.keys.contains("a"));
  host.renew();
  CHECK(host.peers.events().empty());
}
