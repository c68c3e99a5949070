// SPDX-License-Identifier: MIT
// What the configuration may choose, and the CA suggest: other CAs, profiles, kept keys, requests made
// elsewhere, served directories, renewal windows, trials.
#include <filesystem>
#include <fstream>

#include "tests/unit/worker/renew_host.h"
#include "worker/run/accounts.h"

namespace {

struct TwoCas : Host {
  TwoCas() {
    config.cas.push_back(
        {.name = "other", .directory = "https://other.test/d", .origin = "https://other.test"});
    config.certificates[0].cas = {"le", "other"};
  }
};

Run run_of(Host& host, const StopSignal& stop) {
  host.peers.forget_events();
  return {.config = host.config,
          .store = host.store,
          .peers = host.peers,
          .report = host.report,
          .stop = stop,
          .now = [&host] { return host.now; }};
}

}  // namespace

TEST_CASE("when one CA fails the next is tried, in the same run") {
  TwoCas host;
  host.peers.fail_ca = {"le"};
  const auto outcome = host.renew();
  INFO(host.report.problems);
  CHECK(went_well(outcome));
  CHECK(outcome.changed);
  CHECK(host.state().issued->ca == "other");
  CHECK(host.state().failures.count == 0);
  CHECK(host.report.details.contains("a: other is tried instead"));
  host.renew();
  CHECK(host.peers.events().empty());  // either is what the configuration wants
}

TEST_CASE("when every CA fails each is told, and the next run begins with the first") {
  TwoCas host;
  host.peers.fail_ca = {"le", "other"};
  CHECK(host.renew().failed);
  CHECK(host.report.problems.contains("a: le: newOrder: not here"));
  CHECK(host.report.problems.contains("then newOrder: not here"));
  CHECK(host.state().failures.count == 1);
  host.peers.fail_ca.clear();
  host.now += 60;
  CHECK(host.renew().changed);
  CHECK(host.state().issued->ca == "le");
}

TEST_CASE("a validation that failed at one CA is tried at the next, under the same opening") {
  TwoCas host;
  host.peers.fail_validation = {"a.example"};
  CHECK(host.renew().failed);
  CHECK(host.peers.count("validate") == 2);
  CHECK(host.peers.count("open") == 1);
  CHECK(host.peers.count("close") == 1);
}

TEST_CASE("the order says which certificate it takes the place of, at the CA that issued it") {
  TwoCas host;
  host.peers.renewal_id = "aki.serial";
  host.peers.renewal_info["aki.serial"] = {};
  CHECK(host.renew().changed);
  host.config.certificates[0].profile = "shortlived";
  CHECK(host.renew(Force::yes).changed);
  CHECK(host.peers.count("place a.example  instead of aki.serial as shortlived") == 1);
  host.peers.fail_ca = {"le"};
  CHECK(host.renew(Force::yes).changed);
  CHECK(host.peers.count("place a.example  as shortlived") == 1);
}

TEST_CASE("a certificate is renewed when its CA suggests it, at a moment within the window") {
  Host host;
  host.peers.renewal_id = "x.y";
  CHECK(host.renew().changed);
  const Seconds start = host.now + 10'000, end = start + 1000;
  host.peers.renewal_info["x.y"] = {.start = start, .end = end, .retry_after = 3600};
  CHECK_FALSE(host.renew().changed);
  CHECK(host.peers.events() ==
        std::vector<std::string>{"start acme", "ca https://ca.test/account/1", "ask about x.y"});
  const auto suggested = host.state().issued->suggested;
  REQUIRE(suggested);
  CHECK(suggested->at >= start);
  CHECK(suggested->at < end);
  CHECK_FALSE(host.renew().changed);
  CHECK(host.peers.events().empty());  // asked again in an hour, not before
  host.now += 3600;
  CHECK_FALSE(host.renew().changed);
  CHECK(host.peers.count("ask about") == 1);
  CHECK(host.state().issued->suggested->at == suggested->at);  // drawn once
  host.peers.renewal_info["x.y"].start = host.now - 20;
  host.peers.renewal_info["x.y"].end = host.now - 10;
  host.now += 3600;
  CHECK(host.renew().changed);
  CHECK_FALSE(host.state().issued->suggested);
}

TEST_CASE("a CA that does not say when, or not in a way that makes sense, leaves it to the lifetime") {
  for (const RenewalInfo& info :
       {RenewalInfo{}, RenewalInfo{.sentence = "no answer"}, RenewalInfo{.start = 5, .end = 5}}) {
    Host host;
    host.peers.renewal_id = "x.y";
    CHECK(host.renew().changed);
    host.peers.renewal_info["x.y"] = info;
    CHECK(went_well(host.renew()));
    CHECK(host.peers.count("ask about") == 1);
    CHECK_FALSE(host.state().issued->suggested);
    host.renew();
    CHECK(host.peers.events().empty());
  }
}

TEST_CASE("a key that is to be reused stays, and is asked for again") {
  Host host;
  host.config.certificates[0].reuse_key = true;
  CHECK(host.renew().changed);
  CHECK(host.peers.count("forget") == 0);
  CHECK(host.renew(Force::yes).changed);
  CHECK(host.peers.count("request a kept") == 1);
  CHECK(host.peers.keys.contains("a"));
  host.renew();
  CHECK(host.peers.events().empty());
}

TEST_CASE("a request that was made elsewhere is sent as it is, and no key is made") {
  Host host;
  host.config.certificates[0].installs.clear();
  host.config.certificates[0].csr = host.directory.path + "/request";
  host.directory.write("request",
                       "-----BEGIN CERTIFICATE REQUEST-----\nTUFERQ==\n-----END CERTIFICATE REQUEST-----\n");
  CHECK(went_well(host.renew()));
  CHECK(host.peers.count("finalize a.example MAED") == 0);
  CHECK(host.peers.count("finalize a.example MADE") == 1);
  CHECK(host.peers.count("request") == 0);
  CHECK_FALSE(host.state().key_is_kept);
  host.directory.write("request", "nonsense");
  CHECK(host.renew(Force::yes).failed);
  CHECK(host.report.problems.contains("/request is not a certificate request, in PEM or DER"));
}

TEST_CASE("challenges in a served directory are files that everyone may read, and are gone afterwards") {
  Host host;
  host.config.certificates[0].opening.clear();
  const std::string webroot = host.directory.path + "/www";
  std::filesystem::create_directory(webroot);
  host.config.certificates[0].webroot = webroot;
  const std::string file = webroot + "/.well-known/acme-challenge/token-a";
  std::string text;
  std::filesystem::perms mode{};
  host.peers.at_validate = [&] {
    std::ifstream(file) >> text;
    mode = std::filesystem::status(file).permissions();
  };
  host.config.certificates[0].names = {"a"};
  CHECK(went_well(host.renew()));
  CHECK(text == "token-a.thumb");
  CHECK(static_cast<int>(mode) == 0644);
  CHECK_FALSE(std::filesystem::exists(file));
  CHECK(host.peers.count("open") == 0);
  CHECK(host.peers.count("start responder") == 0);
  std::filesystem::remove_all(webroot);
  CHECK(host.renew(Force::yes).failed);
  CHECK(host.report.problems.contains("the directory for challenges"));
}

TEST_CASE("a trial goes the whole way with keys of its own, and stores, installs and restarts nothing") {
  Host host;
  host.config.cas[0].staging = "https://staging.test/dir";
  const auto outcome = host.renew(Force::yes, {}, Trial::yes);
  CHECK(went_well(outcome));
  CHECK(host.report.said == "a: the trial went well: le would issue a certificate\n");
  CHECK(host.peers.count("account le https://staging.test trial") == 1);
  CHECK(host.peers.count("open http") == 1);
  CHECK(host.peers.count("close 1") == 1);
  CHECK(host.peers.count("request a trial") == 1);
  CHECK(host.peers.count("install") + host.peers.count("restart") + host.peers.count("take") == 0);
  CHECK(host.state() == CertificateState{});
  CHECK(host.store.account_url("le")->empty());
  host.peers.fail_validation = {"a.example"};
  CHECK(host.renew(Force::yes, {}, Trial::yes).failed);
  CHECK(host.state() == CertificateState{});
}

TEST_CASE("an order of an earlier run counts anew only when it was lost") {
  for (const auto& [left, counted] :
       {std::pair{"https://ca.test/order/0", 0U}, {"https://ca.test/order/old", 1U}}) {
    Host host;
    CertificateState state;
    state.order = PendingOrder{"le", left, host.config.certificates[0].names};
    REQUIRE(host.store.save("a", state));
    CHECK(went_well(host.renew()));
    CHECK(host.peers.count(std::string("place a.example ") + left) == 1);
    CHECK(host.store.ca_history("le").orders.size() == counted);
  }
}

TEST_CASE("what the CA did not have of the configuration's wishes is said") {
  Host host;
  host.peers.remark = "the CA has no chain to X";
  CHECK(went_well(host.renew()));
  CHECK(host.report.said.contains("a: the CA has no chain to X\n"));
}

TEST_CASE("an account that the CA does not hear any more: how to go on with another") {
  Host host;
  host.peers.order_problem = "urn:ietf:params:acme:error:unauthorized";
  host.peers.fail_order = {"a.example"};
  CHECK(host.renew().failed);
  CHECK(host.report.problems.contains("hint: if the account of [ca le] has been deactivated: move " +
                                      host.directory.path + "/accounts/le/key.pem away"));
  host.peers.order_problem = "urn:ietf:params:acme:error:dns";
  CHECK(host.renew(Force::now, {"a"}).failed);
  CHECK_FALSE(host.report.problems.contains("hint: if the account"));
}

TEST_CASE("a certificate is revoked, and the next run gets another") {
  Host host;
  host.renew();
  const StopSignal stop;
  Run run = run_of(host, stop);
  REQUIRE(revoke(run, host.config.certificates[0], {1}));
  CHECK(host.peers.count("revoke le 1") == 1);
  CHECK(host.peers.count("connect") == 0);
  CHECK_FALSE(host.state().issued);
  CHECK(revoke(run, host.config.certificates[0], {1}).error().message ==
        "there is no certificate to be revoked");
  CHECK(host.renew().changed);
}

TEST_CASE("an account is shown, given another key, brought out and in") {
  Host host;
  const StopSignal stop;
  Run run = run_of(host, stop);
  const auto shown = ask_account(run, host.config.cas[0], AccountAction::show);
  REQUIRE(shown);
  CHECK(shown->status == "valid");
  REQUIRE(roll_account_over(run, host.config.cas[0]));
  CHECK(host.peers.when("account task 3") < host.peers.when("adopt le"));
  CHECK(export_account(run, host.config.cas[0], KeyForm::pem)->text() == "the account's key");
  REQUIRE(host.store.save_account_url("le", "https://ca.test/account/1"));
  REQUIRE(import_account(run, host.config.cas[0], Secret::copy_of("a key")));
  CHECK(host.peers.count("import a key") == 1);
  CHECK(host.store.account_url("le")->empty());  // whose it is, the CA says
}

TEST_CASE("reasons for a revocation go by name or number") {
  CHECK(revocation_reason("keyCompromise") == 1);
  CHECK(revocation_reason("4") == 4);
  CHECK(revocation_reason("unspecified") == 0);
  CHECK_FALSE(revocation_reason("cACompromise"));
  CHECK_FALSE(revocation_reason("2"));
  CHECK_FALSE(revocation_reason(""));
}
