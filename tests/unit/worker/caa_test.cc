// SPDX-License-Identifier: MIT
// CAA records as a CA reads them (RFC 8659, RFC 8657).
#include "worker/doctor/caa.h"

#include <doctest/doctest.h>

namespace certlatch {
namespace {

CaaQuestion question(bool is_wildcard = false) {
  return {{"ca.test", "other.test"}, "http-01", "https://ca.test/acct/1", is_wildcard};
}

std::string why(const std::vector<CaaRecord>& records, bool is_wildcard = false) {
  return why_caa_forbids(records, question(is_wildcard));
}

}  // namespace

TEST_CASE("a CA that is named may issue") {
  CHECK(why({}).empty());
  CHECK(why({{0, "issue", "ca.test"}}).empty());
  CHECK(why({{0, "ISSUE", " CA.test ; policy=1"}}).empty());
  CHECK(why({{0, "issue", "a.test"}, {0, "issue", "other.test"}}).empty());
  CHECK(why({{0, "iodef", "mailto:a@b.test"}}).empty());
  CHECK(why({{128, "issue", "ca.test"}}).empty());
}

TEST_CASE("a CA that is not named may not") {
  CHECK(why({{0, "issue", "a.test"}}) == "let a.test issue, and not ca.test or other.test");
  CHECK(why({{0, "issue", ";"}}) == "let nobody issue, and not ca.test or other.test");
  CHECK(why({{0, "issue", ""}}).starts_with("let nobody issue"));
  CHECK(why({{0, "issue", "\x1b[31m"}}).starts_with("let ?[31m issue"));
  CHECK(why({{0, "issue", "ca.test"}, {128, "frobnicate", ""}}) ==
        "have a critical `frobnicate` that no CA understands");
  CHECK(why({{0, "issue", "ca.test"}, {0, "frobnicate", ""}}).empty());
}

TEST_CASE("wildcards have records of their own, or else those of names") {
  CHECK(why({{0, "issue", "ca.test"}}, true).empty());
  CHECK(why({{0, "issue", "ca.test"}, {0, "issuewild", ";"}}, true).starts_with("let nobody"));
  CHECK(why({{0, "issue", "ca.test"}, {0, "issuewild", ";"}}).empty());
  CHECK(why({{0, "issue", "a.test"}, {0, "issuewild", "ca.test"}}, true).empty());
  CHECK(why({{0, "issuewild", "a.test"}}).empty());
}

TEST_CASE("records may let in one account or one way of proving alone") {
  CHECK(why({{0, "issue", "ca.test; validationmethods=dns-01,http-01"}}).empty());
  CHECK(why({{0, "issue", "ca.test; validationmethods=dns-01"}}) ==
        "let only dns-01 prove the name, not http-01");
  CHECK(why({{0, "issue", "ca.test; accounturi=https://ca.test/acct/1"}}).empty());
  CHECK(why({{0, "issue", "ca.test;accounturi=https://ca.test/acct/2"}}) ==
        "let only the account https://ca.test/acct/2 in");
  auto new_account = question();
  new_account.account_url.clear();
  CHECK(why_caa_forbids({{0, "issue", "ca.test;accounturi=https://ca.test/acct/2"}}, new_account).empty());
}

}  // namespace certlatch
