// SPDX-License-Identifier: MIT
#include "worker/plan/plan.h"

#include <doctest/doctest.h>

using namespace certlatch;

namespace {

constexpr Seconds kDay = 24 * 3600, kNow = 1'700'000'000;

const CertificateConfig kConfig{.name = "a",
                                .names = {"a.example", "b.example"},
                                .cas = {"le"},
                                .opening = "http",
                                .installs = {"one", "two"}};

/// Issued ten days ago for ninety, installed everywhere.
CertificateState settled() {
  CertificateState state;
  state.issued = IssuedCertificate{.ca = "le",
                                   .names = {"b.example", "a.example"},
                                   .issued = kNow - 10 * kDay,
                                   .not_before = kNow - 10 * kDay,
                                   .not_after = kNow + 80 * kDay,
                                   .installed = {"one", "two"}};
  return state;
}

Plan planned(const CertificateState& state, Force force = Force::no, Seconds now = kNow) {
  return plan_for(kConfig, state, now, force);
}

}  // namespace

TEST_CASE("a certificate that is as it should be needs nothing") {
  CHECK(planned(settled()).issue == IssueReason::none);
  CHECK_FALSE(planned(settled()).has_work(kNow));
}

TEST_CASE(
    "a certificate is asked for when there is none, when it is due, and when the configuration differs") {
  CHECK(planned({}).issue == IssueReason::never_issued);
  CHECK(planned(settled(), Force::no, kNow + 50 * kDay - 1).issue == IssueReason::none);
  CHECK(planned(settled(), Force::no, kNow + 50 * kDay).issue == IssueReason::due);
  auto other_names = settled();
  other_names.issued->names.pop_back();
  CHECK(planned(other_names).issue == IssueReason::names_changed);
  auto other_ca = settled();
  other_ca.issued->ca = "staging";
  CHECK(planned(other_ca).issue == IssueReason::ca_changed);
  CHECK(planned(settled(), Force::yes).issue == IssueReason::forced);
}

TEST_CASE("an undeployed certificate is deployed, not asked for again") {
  auto state = settled();
  state.key_is_kept = true;
  state.issued->installed = {"one"};
  CHECK(planned(state).issue == IssueReason::none);
  CHECK(planned(state).deploy.is_pending);
  CHECK(missing_installs(kConfig, *state.issued) == std::vector<std::string>{"two"});
}

TEST_CASE("an entry that came later needs a new certificate once the key has been put away") {
  auto state = settled();
  state.issued->installed = {"one"};
  CHECK(planned(state).issue == IssueReason::key_is_gone);
  CHECK_FALSE(planned(state).deploy.is_pending);
}

TEST_CASE("a service that may not have loaded it, and a key left over, are work") {
  auto stale = settled();
  stale.issued->services_pending = true;
  CHECK(planned(stale).deploy.is_pending);
  auto spare_key = settled();
  spare_key.key_is_kept = true;
  CHECK(planned(spare_key).deploy.is_pending);
  // An order that was interrupted still needs its key.
  spare_key.order = PendingOrder{"le", "https://ca.test/order/1", kConfig.names};
  CHECK_FALSE(planned(spare_key).deploy.is_pending);
}

TEST_CASE("after failures an attempt waits, unless it is forced") {
  CertificateState state;
  state.failures = {2, kNow - 599};
  CHECK_FALSE(planned(state).has_work(kNow));
  CHECK(planned(state).has_work(kNow + 1));
  CHECK(planned(state, Force::yes).has_work(kNow));
  // Deployments do not wait: only the CA is spared.
  auto undeployed = settled();
  undeployed.failures = {4, kNow};
  undeployed.key_is_kept = true;
  undeployed.issued->installed.clear();
  CHECK(planned(undeployed).has_work(kNow));
}

TEST_CASE("comparison and command come when it is installed and loaded, each by its own back-off") {
  auto certificate = kConfig;
  certificate.verify.push_back({});
  certificate.deployed = {"/bin/true"};
  const auto planned_at = [&](const CertificateState& state, Seconds now) {
    return plan_for(certificate, state, now, Force::no);
  };
  auto state = settled();
  state.issued->verify_pending = state.issued->hook_pending = true;
  CHECK(planned_at(state, kNow).verify.is_due(kNow));
  CHECK(planned_at(state, kNow).hook.is_due(kNow));
  CHECK_FALSE(planned_at(state, kNow).needs_broker(kNow));
  state.verification = {3, kNow, "no"};
  CHECK_FALSE(planned_at(state, kNow).verify.is_due(kNow));
  CHECK(planned_at(state, kNow).hook.is_due(kNow));
  state.hook = {4, kNow, "no"};
  CHECK_FALSE(planned_at(state, kNow).has_work(kNow));
  CHECK(next_work(certificate, planned_at(state, kNow), state) == kNow + 60);
  CHECK(planned_at(state, kNow + 60).verify.is_due(kNow + 60));
  CHECK(planned_at(state, kNow + 600).hook.is_due(kNow + 600));
  CHECK(plan_for(certificate, state, kNow, Force::now).hook.is_due(kNow));
  state.issued->services_pending = true;
  CHECK_FALSE(planned_at(state, kNow + 600).verify.is_pending);
  CHECK_FALSE(planned_at(state, kNow + 600).hook.is_pending);
  CHECK(planned_at(state, kNow).needs_broker(kNow));
}

TEST_CASE("`renew at` overrides the third of the lifetime, but not a CA that suggests an earlier moment") {
  auto certificate = kConfig;
  certificate.renew_at = 20 * kDay;
  auto state = settled();
  CHECK(renewal_of(certificate, *state.issued) == kNow + 60 * kDay);
  CHECK(plan_for(certificate, state, kNow + 60 * kDay - 1, Force::no).issue == IssueReason::none);
  CHECK(plan_for(certificate, state, kNow + 60 * kDay, Force::no).issue == IssueReason::due);
  state.issued->suggested = SuggestedRenewal{.start = kNow, .end = kNow + 2 * kDay, .at = kNow + kDay};
  CHECK(renewal_of(certificate, *state.issued) == kNow + kDay);
  state.issued->suggested->at = kNow + 70 * kDay;
  CHECK(renewal_of(certificate, *state.issued) == kNow + 60 * kDay);
  CHECK(renewal_of(kConfig, *state.issued) == kNow + 70 * kDay);
}

TEST_CASE(
    "a `renew at` that the lifetime does not exceed changes nothing: it would be due at once, again and "
    "again") {
  auto certificate = kConfig;
  certificate.renew_at = 90 * kDay;
  CHECK(renewal_of(certificate, *settled().issued) == renewal_of(kConfig, *settled().issued));
}
