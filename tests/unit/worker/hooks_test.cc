// SPDX-License-Identifier: MIT
// The commands of the configuration within a run: which of them run, how often, and what they are told.
#include "worker/run/hooks.h"

#include "tests/unit/worker/host_with_pairs.h"

namespace {

struct HostWithHooks : HostWithPairs {
  OwnDirectory log;
  explicit HostWithHooks(std::vector<std::string> names = {"a"}) : HostWithPairs(std::move(names)) {}

  CertificateConfig& certificate(std::size_t place = 0) { return config.certificates.at(place); }
  /// Writes what the shell makes of `text` on a line of the log.
  HookCommand writes(const std::string& text) {
    return {"/bin/sh", "-c", "echo \"" + text + "\" >> " + log.path + "/log"};
  }
  std::string written() {
    return std::filesystem::exists(log.path + "/log") ? log.read("log") : std::string();
  }
  Outcome issue() { return renew(Force::yes); }
};

const std::string kDomains = "renewed=$RENEWED_DOMAINS failed=$FAILED_DOMAINS";

}  // namespace

TEST_CASE("`after` is told what was renewed and what was not, of the certificates that name it") {
  HostWithHooks host({"a", "b", "c", "d"});
  for (std::size_t i = 0; i < 3; ++i) host.certificate(i).after = host.writes(kDomains);
  host.certificate(1).names = {"b.example", "www.b.example"};
  host.peers.fail_validation = {"b.example"};
  host.peers.fail_order = {"c.example"};
  CHECK(host.issue().failed);
  CHECK(host.written() == "renewed=a.example failed=b.example www.b.example c.example\n");
}

TEST_CASE("a command that several certificates name runs once before the first and once after the last") {
  HostWithHooks host({"a", "b", "c"});
  for (std::size_t i = 0; i < 2; ++i) {
    host.certificate(i).before = host.writes("before");
    host.certificate(i).after = host.writes("after");
  }
  host.certificate(2).before = host.writes("before c");
  CHECK(went_well(host.issue()));
  CHECK(host.written() == "before\nbefore c\nafter\n");
}

TEST_CASE("certificates whose `before` fails are not asked for, and the others are") {
  HostWithHooks host({"a", "b", "c"});
  for (std::size_t i = 0; i < 2; ++i) {
    host.certificate(i).before = {"/bin/sh", "-c", "echo >> " + host.log.path + "/log; exit 3"};
    host.certificate(i).after = host.writes(kDomains);
  }
  CHECK(host.renew().failed);
  CHECK(host.written() == "\n");  // once for both, and no `after`
  CHECK(host.report.problems ==
        "a: `before`: /bin/sh ended with status 3\nb: `before`: /bin/sh ended with status 3\n");
  CHECK(host.peers.count("place") == 1);
  CHECK(host.state("c").issued.has_value());
  CHECK(host.state("a").before.count == 1);
  CHECK(host.state("a").failures.count == 0);

  // By a back-off of its own; then it is as if it had never failed.
  for (int i = 0; i < 2; ++i) CHECK(host.renew().failed);
  CHECK(went_well(host.renew()));
  CHECK(host.written() == "\n\n\n");
  CHECK(
      host.report.laters.contains("a: next attempt at 2023-11-14 23:14 UTC, after 3 failures, the last: "
                                  "`before`: /bin/sh ended with status 3;"));
  host.now += 60;
  for (std::size_t i = 0; i < 2; ++i) host.certificate(i).before = {"/bin/true"};
  CHECK(went_well(host.renew()));
  CHECK(host.state("a").issued.has_value());
  CHECK(host.state("a").before == Failures{});
  CHECK(host.state("a").last_error.empty());
}

TEST_CASE("a `before` that fails does not stop what is left to do for the certificate that is there") {
  HostWithHooks host;
  host.peers.refuse_restart = {"nginx"};
  CHECK(host.renew().deployment_failed);
  host.peers.refuse_restart.clear();
  host.certificate().before = {"/bin/false"};
  host.now += 61 * 24 * 3600;
  CHECK(host.renew().failed);
  CHECK(host.peers.count("place") == 0);
  CHECK(host.peers.count("restart nginx") == 1);
  CHECK_FALSE(host.state().issued->services_pending);
}

TEST_CASE("`deployed` that goes on failing runs after longer and longer pauses, until it succeeds once") {
  HostWithHooks host;
  host.certificate().deployed = {"/bin/false"};
  for (int i = 0; i < 3; ++i) CHECK(host.converge().deployment_failed);
  CHECK(host.peers.events().empty());
  CHECK(host.state().hook.count == 3);
  CHECK(host.state().deployment == Failures{});
  CHECK(went_well(host.converge()));
  CHECK(host.report.laters.starts_with("a: its `deployed` command runs again at 20"));
  host.now += 60;
  host.certificate().deployed = host.writes("$CERTLATCH_CERTIFICATE $RENEWED_DOMAINS");
  CHECK(went_well(host.converge()));
  CHECK(went_well(host.converge()));
  CHECK(host.written() == "a a.example\n");
  CHECK(host.state().hook == Failures{});
  CHECK(host.state().last_error.empty());
}

TEST_CASE("the lineage is that of the configuration's first install entry, whichever was installed first") {
  HostWithHooks host({"a", "b"});
  host.config.certificates.pop_back();
  host.certificate().installs = {"b", "a"};
  host.certificate().deployed = host.writes("$RENEWED_LINEAGE");
  host.peers.refuse_install = {"b"};
  CHECK(host.converge().deployment_failed);
  CHECK(host.written().empty());
  host.peers.refuse_install.clear();
  CHECK(went_well(host.converge()));
  REQUIRE(host.state().issued->live.front().entry == "a");
  CHECK(host.written() == host.pairs.path + "/b/live\n");
}

TEST_CASE("where the pair is installed is not known: `deployed` waits, and sees nothing of the state") {
  HostWithHooks host;
  host.certificate().reuse_key = true;
  host.certificate().deployed = host.writes("$RENEWED_LINEAGE");
  host.peers.broker_dies_after_restart = true;
  CHECK(went_well(host.converge()));
  CHECK(host.written().empty());
  CHECK(host.state().issued->live.empty());
  CHECK(host.state().issued->hook_pending);
  CHECK(host.state().hook.count == 0);
  host.peers.broker_dies_after_restart = false;
  CHECK(went_well(host.converge()));
  CHECK(host.written() == host.pairs.path + "/a/live\n");
}

TEST_CASE("without an install entry `deployed` may read its certificate's own directory, and no more") {
  HostWithHooks host({"a", "b"});
  host.certificate().installs.clear();
  const auto& state = host.directory.path;
  host.certificate().deployed = {
      "/bin/sh", "-c",
      "{ echo $RENEWED_LINEAGE; cd $RENEWED_LINEAGE && cat privkey.pem && head -c 5 chain.pem && echo;"
      " cat ../b/privkey.pem ../../settled; ls .. ../..; echo x > privkey.pem; rm privkey.pem; echo x > new;"
      " } >> " +
          host.log.path + "/log 2>/dev/null"};
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directories(state + "/certificates/" + name);
    host.directory.write(std::string("certificates/") + name + "/privkey.pem",
                         std::string("key of ") + name + "\n");
  }
  host.directory.write("settled", "settled\n");
  host.converge();
  CHECK(host.written() == state + "/certificates/a\nkey of a\nchain\n");
  CHECK(host.directory.read("certificates/a/privkey.pem") == "key of a\n");
  CHECK_FALSE(std::filesystem::exists(state + "/certificates/a/new"));
}
