// SPDX-License-Identifier: MIT
// What the policy does not cover is refused, and the refusal names the request and the line.
#include "policy/decision.h"

#include "tests/unit/policy/policy_text.h"

using namespace certlatch;

TEST_CASE("a name is covered by itself, or by a wildcard in place of its first label") {
  struct Case {
    const char* allowed;
    const char* name;
    bool covered;
  };
  for (const auto& [allowed, name, covered] : std::initializer_list<Case>{
           {"example.org", "example.org", true},
           {"example.org", "EXAMPLE.Org", true},
           {"example.org", "www.example.org", false},
           {"example.org", "*.example.org", false},
           {"example.org", "example.org.", false},
           {"example.org", "badexample.org", false},
           {"example.org", "", false},
           {"*.example.org", "*.example.org", true},
           {"*.example.org", "www.example.org", true},
           {"*.example.org", "WWW.EXAMPLE.ORG", true},
           {"*.example.org", "xn--bcher-kva.example.org", true},
           {"*.example.org", "example.org", false},
           {"*.example.org", "a.b.example.org", false},
           {"*.example.org", "*.b.example.org", false},
           {"*.example.org", ".example.org", false},
           {"*.example.org", "a_b.example.org", false},
           {"*.example.org", "a b.example.org", false},
           {"*.example.org", "w*.example.org", false},
           {"*.example.org", "**.example.org", false},
           {"*.example.org", "aexample.org", false},
           {"*.example.org", "www.example.org.", false},
           {"*.example.org", "www.example.org.evil", false},
           {"192.0.2.1", "192.0.2.1", true},
           {"192.0.2.1", "192.0.2.10", false},
           {"192.0.2.1", "::ffff:192.0.2.1", false},
           {"2001:db8::1", "2001:DB8:0:0:0:0:0:1", true},
           {"2001:db8::1", "2001:db8::2", false},
           {"*.0.2.1", "192.0.2.1", false},
           {"*.lan", "host.lan", true},
           {"localhost", "localhost", true},
       }) {
    CAPTURE(allowed);
    CAPTURE(name);
    CHECK(covers(allowed, name) == covered);
  }
  CHECK_FALSE(covers("example.org", std::string_view("example.org\0.evil", 17)));
  CHECK_FALSE(covers("192.0.2.1", std::string_view("192.0.2.1\0.evil", 15)));
}

TEST_CASE("what has no entry is refused by no line") {
  const Policy policy = sound();
  const auto open = refuse_unknown(policy, "open", "ssh");
  CHECK(open.reason == RefusalReason::policy);
  CHECK(open.line == 0);
  CHECK(open.sentence == "open ssh: refused, since no line of p allows it: there is no [open ssh]");
  CHECK(refuse_unknown(policy, "install", "a").sentence ==
        "install a: refused, since no line of p allows it: there is no [install a]");
  CHECK(refuse_unknown(policy, "service", "sshd").sentence ==
        "restart sshd: refused, since no line of p allows it: there is no [service sshd]");
}

TEST_CASE("an entry is found by its whole name, and only as what it is") {
  const Policy policy = sound();
  CHECK(policy.opening("http") == &policy.openings[0]);
  CHECK(policy.install("example.org") == &policy.installs[0]);
  CHECK(policy.service("nginx") == &policy.services[0]);
  CHECK(policy.opening("nginx") == nullptr);
  CHECK(policy.install("http") == nullptr);
  CHECK(policy.service("example.org") == nullptr);
  CHECK(policy.opening("") == nullptr);
  CHECK(policy.opening("HTTP") == nullptr);
  CHECK(policy.opening(std::string_view("http\0", 5)) == nullptr);
}

TEST_CASE("a hostile entry reaches the log short and without control characters") {
  const auto sentence = refuse_unknown(sound(), "open", "x\n\x1b[2J" + std::string(60'000, 'y')).sentence;
  CHECK(sentence.starts_with("open x??[2Jyyy"));
  CHECK(sentence.size() < 400);
}

TEST_CASE("a certificate whose names are all covered is allowed") {
  const Policy policy = sound();
  CHECK_FALSE(refuse_names(policy, policy.installs[0], {"example.org", "WWW.example.org", "*.example.org"}));
}

TEST_CASE("one name that is not covered refuses the certificate, by the line of names") {
  const Policy policy = sound();
  const auto refused = refuse_names(policy, policy.installs[0], {"example.org", "evil.example"});
  REQUIRE(refused);
  CHECK(refused->reason == RefusalReason::policy);
  CHECK(refused->line == 11);
  CHECK(refused->sentence ==
        "install example.org: refused, since the certificate is for evil.example, which `names` on line 11 "
        "of p does not cover");
}

TEST_CASE("a certificate without names is refused") {
  const Policy policy = sound();
  const auto refused = refuse_names(policy, policy.installs[0], {});
  REQUIRE(refused);
  CHECK(refused->line == 11);
  CHECK(refused->sentence ==
        "install example.org: refused, since the certificate is for no name at all, which `names` on line 11 "
        "of p does not cover");
}
