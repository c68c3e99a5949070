// SPDX-License-Identifier: MIT
// Accounts and revocation at a real CA.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/acme/pebble.h"
#include "tests/unit/acme/pebble_settings.h"
#include "tests/unit/acme/worker_double.h"

using namespace certlatch;

namespace {

/// What it did, or why not.
template <class Wanted>
std::string outcome(WorkerDouble& worker, const AcmeOrder& order) {
  worker.tell_acme(order);
  const auto answer = worker.hear_acme();
  if (const auto* failed = std::get_if<OrderFailed>(&answer)) return failed->sentence + " " + failed->type;
  REQUIRE(std::holds_alternative<Wanted>(answer));
  return "done";
}

AccountTask task(AccountAction action, bool goes_on = false) { return {1, "pebble", action, goes_on}; }

}  // namespace

TEST_CASE("a CA that serves its customers only gives an account to one of them") {
  const TempDirectory temp;
  std::ofstream(temp / "eab") << "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W\n";
  std::filesystem::permissions(temp / "eab", std::filesystem::perms(0600));
  const Pebble pebble({"PEBBLE_VA_ALWAYS_VALID=1", "PEBBLE_WFE_NONCEREJECT=0"},
                      R"(,"externalAccountBindingRequired":true,"externalAccountMACKeys":)"
                      R"({"kid-1":"zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"})");
  auto ca = settings(pebble);
  const auto issue = [&] {
    WorkerDouble worker(temp.path(), {ca}, KeyType::ecdsa_p256, 8, {{"pebble", temp / "eab", ""}});
    worker.tell_acme(PlaceOrder{1, "pebble", {"example.org"}, ""});
    const auto answer = worker.hear_acme();
    const auto* failed = std::get_if<OrderFailed>(&answer);
    return failed == nullptr ? "" : failed->sentence + " " + failed->type;
  };
  CHECK(
      issue().contains("(external account binding): write what it gave you as `eab kid` and `eab key file`"));
  ca.eab_kid = "kid-2";
  CHECK(issue().starts_with("newAccount: the CA refuses the request"));
  ca.eab_kid = "kid-1";
  CHECK(issue().empty());
}

TEST_CASE("an account is shown, given other contacts and another key, and ended") {
  const Pebble pebble;
  const TempDirectory temp;
  auto ca = settings(pebble);
  {
    ca.makes_account = false;
    WorkerDouble worker(temp.path(), {ca});
    CHECK(outcome<AccountShown>(worker, task(AccountAction::show))
              .starts_with("the CA of section [ca pebble] knows no account of this key"));
    ca.makes_account = true;
  }
  WorkerDouble worker(temp.path(), {ca});
  worker.issue(1, "a", {"example.org"});
  worker.tell_acme(task(AccountAction::show));
  auto shown = worker.hear<AccountShown>();
  CHECK(shown.status == "valid");
  CHECK(shown.url == worker.accounts.back().account_url);
  CHECK(shown.contact == std::vector<std::string>{"mailto:admin@example.org"});
  worker.tell_acme(task(AccountAction::update));
  CHECK(worker.hear<AccountShown>().contact == std::vector<std::string>{"mailto:admin@example.org"});

  REQUIRE(std::holds_alternative<AccountReady>(worker.ask_keeper(UseNextKey{"pebble", KeyType::ecdsa_p384})));
  CHECK(outcome<AccountShown>(worker, task(AccountAction::roll_over)) == "done");
  REQUIRE(std::holds_alternative<KeeperDone>(worker.ask_keeper(AdoptNextKey{"pebble"})));
  CHECK(worker.fits(worker.issue(2, "b", {"example.org"}), "b"));

  worker.tell_acme(task(AccountAction::deactivate));
  CHECK(worker.hear<AccountShown>().status == "deactivated");
  worker.tell_acme(PlaceOrder{3, "pebble", {"example.org"}, ""});
  CHECK(worker.hear<OrderFailed>().sentence.starts_with("newOrder: the CA refuses the request"));
}

TEST_CASE(
    "a change of the account's key that was interrupted is gone on with, whether the CA knew of it or not") {
  for (const bool ca_knew : {false, true}) {
    const Pebble pebble;
    const TempDirectory temp;
    const auto ca = settings(pebble);
    {
      WorkerDouble worker(temp.path(), {ca});
      worker.issue(1, "a", {"example.org"});
      worker.ask_keeper(UseNextKey{"pebble", KeyType::ecdsa_p256});
      if (ca_knew) CHECK(outcome<AccountShown>(worker, task(AccountAction::roll_over)) == "done");
    }
    WorkerDouble worker(temp.path(), {ca});
    auto next = worker.ask_keeper(UseNextKey{"pebble", KeyType::ecdsa_p256});
    CHECK_FALSE(std::get<AccountReady>(next).is_new);
    CHECK(outcome<AccountShown>(worker, task(AccountAction::roll_over, true)) == "done");
    worker.ask_keeper(AdoptNextKey{"pebble"});
    CHECK(worker.fits(worker.issue(2, "b", {"example.org"}), "b"));
    CHECK(lines_with(worker, "sign-me-up 201") == 0);
  }
}

TEST_CASE("a certificate is revoked by its account, or by its own key without any") {
  const Pebble pebble;
  const TempDirectory temp;
  WorkerDouble worker(temp.path(), {settings(pebble)});
  const auto first = worker.issue(1, "a", {"example.org"});
  const auto second = worker.issue(2, "b", {"example.org"});
  CHECK(outcome<Revoked>(worker, Revoke{3, "pebble", first.chain, 1, false}) == "done");
  worker.tell_acme(Revoke{4, "pebble", first.chain, 0, false});
  CHECK(worker.hear<Revoked>().was_already);
  CHECK(outcome<Revoked>(worker, Revoke{5, "pebble", second.chain, 99, false})
            .ends_with("urn:ietf:params:acme:error:badRevocationReason"));
  CHECK(outcome<Revoked>(worker, Revoke{6, "pebble", "nonsense", 0, false})
            .starts_with("the CA's certificate chain"));
  const TempDirectory other;
  std::filesystem::copy(temp.path(), other.path(), std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(other / "accounts");
  WorkerDouble stranger(other.path(), {settings(pebble)});
  CHECK(outcome<Revoked>(stranger, Revoke{1, "pebble", second.chain, 0, true})
            .contains("that key is not in use"));
  const auto use = [&](const certlatch::Issued& issued) {
    stranger.tell_acme(ReadChain{7, issued.chain});
    return stranger.ask_keeper(UseCertificateKey{
        "pebble", "https://127.0.0.1:14000", "b", {}, stranger.hear<ChainRead>().public_key});
  };
  CHECK(std::holds_alternative<KeeperFailed>(use(first)));  // whose key is another
  REQUIRE(std::holds_alternative<KeeperDone>(use(second)));
  CHECK(outcome<Revoked>(stranger, Revoke{2, "pebble", second.chain, 4, true}) == "done");
  CHECK(stranger.accounts.empty());
}

TEST_CASE("a CA without renewal information is told apart from one that does not answer") {
  const Pebble pebble;
  const TempDirectory temp;
  WorkerDouble worker(temp.path(), {settings(pebble)});
  worker.tell_acme(AskRenewalInfo{9, "pebble", "a.b"});
  const auto info = worker.hear<RenewalInfo>();
  CHECK(info.id == 9);
  CHECK(info.start == 0);
  CHECK(info.sentence.empty());
  CHECK(worker.accounts.empty());
  worker.tell_acme(AskRenewalInfo{10, "other", "a.b"});
  CHECK(worker.hear<RenewalInfo>().sentence == "no section [ca other] is known here");
}
