// SPDX-License-Identifier: MIT
// What a run does about a host that is not as the last run left it.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/unit/worker/host_with_pairs.h"
#include "worker/run/reconcile.h"
#include "worker/run/settle.h"

TEST_CASE("a pair that was removed is issued and installed anew, although nothing is due") {
  HostWithPairs host;
  REQUIRE(went_well(host.converge()));
  host.converge();
  CHECK(host.peers.events().empty());
  std::filesystem::remove(host.pairs.path + "/a/live");
  host.peers.installs["a"].state = PairState::absent;
  const auto outcome = host.converge();
  CHECK(went_well(outcome));
  CHECK(outcome.changed);
  CHECK(host.report.said.contains("a: what was installed as a is gone; it is installed anew"));
  CHECK(host.peers.count("finalize") == 1);
  CHECK(host.peers.installs["a"].version == 2);
  CHECK(host.state().repairs.count == 1);
}

TEST_CASE("a pair that was touched but is whole costs one question") {
  HostWithPairs host;
  REQUIRE(went_well(host.converge()));
  host.pairs.write("a/1/fullchain.pem", "chain, again");
  CHECK(went_well(host.converge()));
  CHECK(host.peers.events() == std::vector<std::string>{"connect"});
  CHECK(host.report.said.empty());
  host.converge();
  CHECK(host.peers.events().empty());
}

TEST_CASE("a pair that is removed again and again is repaired after longer and longer pauses") {
  HostWithPairs host;
  REQUIRE(went_well(host.converge()));
  const auto remove = [&] {
    host.pairs.write("a/1/fullchain.pem", "changed");
    host.peers.installs["a"].state = PairState::altered;
  };
  remove();
  CHECK(host.converge().changed);
  host.now += 30;
  remove();
  CHECK(went_well(host.converge()));
  CHECK(host.report.said.contains("a has been changed again; repaired from"));
  CHECK(host.peers.count("place") == 0);
  host.now += 60;
  CHECK(host.converge().changed);
  CHECK(host.peers.count("finalize") == 1);
}

TEST_CASE("what is stale by another's doing is restarted by a run that has any other reason to ask") {
  HostWithPairs host({"a", "b"});
  REQUIRE(went_well(host.converge()));
  host.peers.loaded.clear();
  host.pairs.write("b/1/fullchain.pem", "touched");
  CHECK(went_well(host.converge()));
  CHECK(host.peers.count("restart nginx") == 1);
  CHECK(host.peers.count("stage") == 0);
}

TEST_CASE("a run that leaves nothing to do spares the next one the look at the configuration") {
  HostWithPairs host({"a", "b"});
  CHECK_FALSE(is_settled(host.store, "/dev/null", host.now));
  REQUIRE(went_well(host.converge()));
  CHECK(is_settled(host.store, "/dev/null", host.now));
  CHECK_FALSE(is_settled(host.store, "/etc/hostname", host.now));
  CHECK_FALSE(is_settled(host.store, "/dev/null", host.now - 1));
  // Until the broker is asked about all of it, once a day.
  CHECK(is_settled(host.store, "/dev/null", host.now + 24 * 3600 - 1));
  CHECK_FALSE(is_settled(host.store, "/dev/null", host.now + 24 * 3600));
  SUBCASE("a pair is changed") { host.pairs.write("b/1/privkey.pem", "another"); }
  SUBCASE("a link is changed") {
    std::filesystem::remove(host.pairs.path + "/b/live");
    std::filesystem::create_symlink("./1", host.pairs.path + "/b/live");
  }
  SUBCASE("a state is removed") { std::filesystem::remove(host.directory.path + "/certificates/a/state"); }
  SUBCASE("it is damaged") { host.directory.write("settled", "certlatch-settled 1 0.1.0\nuntil x\n"); }
  CHECK_FALSE(is_settled(host.store, "/dev/null", host.now));
}

TEST_CASE("a run that could not do everything leaves the next one to look") {
  HostWithPairs host({"a", "b"});
  host.peers.refuse_restart = {"nginx"};
  host.converge();
  CHECK_FALSE(is_settled(host.store, "/dev/null", host.now));
}

TEST_CASE("once a day the broker is asked about all, and what it has forgotten is made good") {
  HostWithPairs host({"a", "b"});
  REQUIRE(went_well(host.converge()));
  host.peers.loaded.clear();  // nothing of which shows on the disk
  host.now += kLookedOverFor - 1;
  CHECK(went_well(host.converge()));
  CHECK(host.peers.events().empty());
  host.now += 1;
  CHECK(went_well(host.converge()));
  CHECK(host.peers.count("restart nginx") == 1);
  CHECK(host.peers.count("stage") + host.peers.count("place") == 0);
  CHECK(host.report.said == "nginx: restarted\n");
  host.now += kLookedOverFor - 1;
  host.converge();
  CHECK(host.peers.events().empty());
  host.now += 1;
  host.converge();
  CHECK(host.peers.events() == std::vector<std::string>{"connect"});
  CHECK(host.report.said.empty());
}

TEST_CASE("a broker that cannot be asked about all is asked by the next run, and nothing is said") {
  HostWithPairs host;
  REQUIRE(went_well(host.converge()));
  host.peers.loaded.clear();
  host.now += kLookedOverFor;
  host.peers.has_broker = false;
  CHECK(went_well(host.converge()));
  CHECK(host.peers.events() == std::vector<std::string>{"connect"});
  CHECK(host.report.said + host.report.problems == "");
  CHECK_FALSE(is_settled(host.store, "/dev/null", host.now));
  host.peers.has_broker = true;
  host.now += 60;
  CHECK(went_well(host.converge()));
  CHECK(host.peers.count("restart nginx") == 1);
  // A clock that is set back makes no look-over wait for longer than a day.
  host.now -= 3600;
  host.converge();
  CHECK(host.peers.count("connect") == 1);
}

TEST_CASE("many installs, one check: the one that it fails for is undone and named, the others stay") {
  Host host({"a", "b", "c"});
  host.peers.fail_check = {"b"};
  const auto outcome = host.renew();
  CHECK(outcome.deployment_failed);
  CHECK(host.report.problems == "b: check of b (policy line 7)\n");
  CHECK(host.report.said.contains("a: installed as a"));
  CHECK(host.report.said.contains("c: installed as c"));
  CHECK_FALSE(host.report.said.contains("b: installed"));
  CHECK(host.peers.installs["b"].version == 0);
  // The check that failed, and the restart with what is left.
  CHECK(host.peers.count("restart nginx") == 2);
  CHECK(host.state("a").last_error.empty());
  CHECK(host.state("b").deployment.count == 1);
  host.peers.fail_check.clear();
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("stage b") == 1);
  CHECK(host.peers.count("place") == 0);
}

TEST_CASE("a check that fails for the only install is not run twice") {
  Host host;
  host.peers.fail_check = {"a"};
  CHECK(host.renew().deployment_failed);
  CHECK(host.report.problems == "a: install a: undone, since the check of nginx fails (policy line 7)\n");
  CHECK(host.peers.count("install") == 0);
  CHECK(host.peers.count("restart nginx") == 1);
}

TEST_CASE("services are restarted in the order of the policy, each once") {
  Host host({"a", "b"});
  host.peers.services = {"postfix", "nginx"};
  host.peers.installs["b"].services = {"nginx", "postfix"};
  CHECK(went_well(host.renew()));
  CHECK(host.peers.when("restart postfix") < host.peers.when("restart nginx"));
  CHECK(host.peers.count("restart") == 2);
}

TEST_CASE("deployments that go on failing are tried after longer and longer pauses") {
  Host host;
  host.peers.refuse_restart = {"nginx"};
  for (int i = 0; i < 3; ++i) CHECK(host.renew().deployment_failed);
  CHECK(went_well(host.renew()));
  CHECK(host.peers.events().empty());
  host.now += 60;
  CHECK(host.renew().deployment_failed);
  host.peers.refuse_restart.clear();
  CHECK(host.renew(Force::yes).changed);
  CHECK(host.state().deployment.count == 0);
}

TEST_CASE("what is served is compared after the restart, and again until it is right") {
  Host host;
  host.config.certificates[0].verify = {{"a.example:443", "a.example", 443, Greeting::none}};
  host.peers.served = "serves another";
  CHECK(host.renew().deployment_failed);
  CHECK(host.report.problems == "a: it is installed, but not served: a.example:443: serves another\n");
  CHECK(host.peers.when("restart nginx") < host.peers.when("compare a.example:443 a.example"));
  CHECK(host.state().issued->verify_pending);
  host.peers.served.clear();
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("compare") == 1);
  CHECK(host.peers.count("restart") == 0);
  CHECK_FALSE(host.state().issued->verify_pending);
  host.renew();
  CHECK(host.peers.events().empty());
}

TEST_CASE(
    "a comparison that goes on failing is made after longer and longer pauses, whatever else went well") {
  HostWithPairs host;
  host.config.certificates[0].verify = {{"a.example:443", "a.example", 443, Greeting::none}};
  host.peers.served = "serves another";
  for (int i = 0; i < 3; ++i) CHECK(host.converge().deployment_failed);
  // The installs and restarts of the first run went well, and nothing is asked of the broker any more.
  CHECK(host.peers.count("connect") == 0);
  CHECK(host.state().deployment == Failures{});
  CHECK(host.state().verification.count == 3);
  for (const Seconds pause : {60, 600, 3600, 3600}) {
    host.now += pause - 1;
    CHECK(went_well(host.converge()));
    CHECK(host.peers.count("compare") == 0);
    CHECK(host.report.laters.starts_with("a: what is served is compared again at 20"));
    CHECK(host.report.laters.contains("the last: it is installed, but not served: a.example:443"));
    host.now += 1;
    CHECK(host.converge().deployment_failed);
    CHECK(host.peers.count("compare") == 1);
  }
  // Who asks for it by name does not wait, and another pair begins anew.
  host.renew(Force::now, {"a"});
  CHECK(host.peers.count("compare") == 1);
  host.renew(Force::yes);
  CHECK(host.state().verification.count == 1);
  host.peers.served.clear();
  CHECK(went_well(host.converge()));
  CHECK(host.state().verification == Failures{});
  CHECK(host.state().last_error.empty());
}

TEST_CASE("all places are looked at side by side, by one process, and each answer counts for its own") {
  HostWithPairs host({"a", "b", "c"});
  for (auto& certificate : host.config.certificates)
    certificate.verify = {{certificate.name + ":443", certificate.name, 443, Greeting::none},
                          {certificate.name + ":25", certificate.name, 25, Greeting::smtp}};
  host.peers.compare_together = 6;
  CHECK(went_well(host.converge()));
  CHECK(host.peers.count("compare") == 6);
  CHECK(host.peers.count("start verify") == 1);
  for (const char* name : {"a", "b", "c"}) CHECK_FALSE(host.state(name).issued->verify_pending);
}

TEST_CASE("a server that ends the verify process is found out, and the others are looked at") {
  HostWithPairs host({"a", "b", "c"});
  for (auto& certificate : host.config.certificates)
    certificate.verify = {{certificate.name + ":443", certificate.name, 443, Greeting::none}};
  host.peers.verify_dies_of = {"b"};
  CHECK(host.converge().deployment_failed);
  CHECK(host.report.problems ==
        "b: it is installed, but not served: b:443: the verify process ended unexpectedly\n");
  CHECK_FALSE(host.state("a").issued->verify_pending);
  CHECK(host.state("b").verification.count == 1);
  CHECK_FALSE(host.state("c").issued->verify_pending);
}

TEST_CASE("each step keeps why it failed, and one that is made good leaves the others' reasons") {
  HostWithPairs host;
  host.config.certificates[0].verify = {{"a.example:443", "a.example", 443, Greeting::none}};
  host.config.certificates[0].deployed = {"/bin/false"};
  host.peers.served = "serves another";
  CHECK(host.converge().deployment_failed);
  CHECK(host.state().verification.reason.contains("serves another"));
  CHECK(host.state().hook.reason.contains("/bin/false ended with status 1"));
  CHECK(host.state().last_error == host.state().hook.reason);
  host.config.certificates[0].deployed = {"/bin/true"};
  CHECK(host.converge().deployment_failed);
  CHECK(host.state().hook == Failures{});
  CHECK(host.state().last_error == host.state().verification.reason);
  CHECK(host.state().verification.count == 2);
}

TEST_CASE("a broker that is gone stops neither the comparison nor the command") {
  HostWithPairs host({"a", "b"});
  host.config.certificates[0].verify = {{"a.example:443", "a.example", 443, Greeting::none}};
  host.config.certificates[0].deployed = {"/bin/false"};
  host.peers.served = "serves another";
  CHECK(host.converge().deployment_failed);
  host.peers.has_broker = false;
  host.peers.served.clear();
  host.config.certificates[0].deployed = {"/bin/true"};
  CHECK(host.renew(Force::yes, {"b"}).broker_failed);
  std::filesystem::remove(host.pairs.path + "/b/live");
  const auto outcome = host.converge();
  CHECK(outcome.broker_failed);
  CHECK_FALSE(outcome.deployment_failed);
  CHECK(host.peers.count("compare") == 1);
  CHECK(host.report.said == "a: /bin/true has run\n");
  CHECK(host.state("a").last_error.empty());
  CHECK(host.state("b").last_error == "there is no broker");
}

TEST_CASE("what takes longer than some seconds is said, with what is waited for, and what does not is not") {
  HostWithPairs host;
  host.config.certificates[0].verify = {{"a.example:443", "a.example", 443, Greeting::none}};
  SUBCASE("long") {
    host.peers.takes = std::chrono::milliseconds(5200);
    CHECK(went_well(host.converge()));
    CHECK(host.report.waits ==
          "a: waits for the CA\nnginx: restarts\nverify: waits for servers to show what is installed\n");
  }
  SUBCASE("short") {
    host.peers.takes = std::chrono::milliseconds(100);
    CHECK(went_well(host.converge()));
    CHECK(host.report.waits.empty());
  }
}

TEST_CASE("openings, installs and restarts are counted") {
  HostWithPairs host({"a", "b"});
  REQUIRE(went_well(host.converge()));
  CHECK(host.statistics.openings == 1);
  CHECK(host.statistics.installs == 2);
  CHECK(host.statistics.restarts == 1);
  CHECK(statistics_from(statistics_text(host.statistics)) == host.statistics);
}

TEST_CASE("a certificate that left the configuration is reported by the next whole run") {
  HostWithPairs host({"a", "b"});
  REQUIRE(went_well(host.converge()));
  host.config.certificates.pop_back();
  CHECK(went_well(host.converge()));
  CHECK(host.report.said.contains("b: is no longer in the configuration; `certlatch delete b` removes"));
  REQUIRE(host.store.remove("b"));
  host.converge();
  CHECK(host.report.said.empty());
}
