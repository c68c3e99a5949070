// SPDX-License-Identifier: MIT
// What a policy means once it is read.
#include "policy/policy.h"

#include <sodium.h>

#include "tests/unit/policy/policy_text.h"

using namespace certlatch;

TEST_CASE("every key reaches the policy") {
  const Policy policy = sound(
      "[broker]\nworker = acme\naudit = /var/log/a\nuser = latch\nconfinement = best effort\n"
      "[open http]\nport = 80\nto = 127.0.0.1:8080\ninterface = eth0 eth0.10\ninterface = wg0\n"
      "gate = inet filter input, ip filter INPUT\ngate = ip my-table _chain.1\nat most = 1h\nper day = "
      "24\nshare = yes\n"
      "mark = 0xBEEF\n"
      "[open alpn]\nport = 443\nto = :8443\ninterface = eth0\ngate = none\nat most = 86400s\n"
      "[install example.org]\nnames = Example.ORG *.example.org\nnames = 192.0.2.1 2001:DB8:0:0::1\n"
      "directory = /etc/ssl/a\nowner = root:ssl-cert\nmode = 640\ncombined = yes\nservices = a\nservices = b "
      "c\n"
      "per day = 5\ntrust = /etc/ssl/ca.pem\n"
      "[service a]\nrestart = a.service\ntimeout = 10m\n"
      "[service b]\nreload = b@x.service\nper day = 3\n"
      "[service c]\ncommand = /bin/c 'one \"word\"' \"\" a'b c'd \"it's\"\ncheck = /bin/check\n");
  CHECK(policy.file == "p");
  CHECK(policy.worker == "acme");
  CHECK(policy.audit == "/var/log/a");
  CHECK(policy.user == "latch");
  CHECK_FALSE(policy.confinement_required);

  REQUIRE(policy.openings.size() == 2);
  const OpeningEntry& http = *policy.opening("http");
  CHECK(http.port == 80);
  CHECK(http.to_port == 8080);
  CHECK(http.to_loopback);
  CHECK(http.interfaces == std::vector<std::string>{"eth0", "eth0.10", "wg0"});
  CHECK(http.gate == GateKind::inserted);
  CHECK(http.gates == std::vector<Gate>{{Family::inet, "filter", "input"},
                                        {Family::ip, "filter", "INPUT"},
                                        {Family::ip, "my-table", "_chain.1"}});
  CHECK(http.gates[1].text() == "ip filter INPUT");
  CHECK(http.at_most == 3600);
  CHECK(http.per_day == 24);
  CHECK(http.share);
  CHECK(http.mark == 0xbeef);
  CHECK(http.line == 6);
  CHECK(http.port_line == 7);
  CHECK(http.gate_line == 11);
  CHECK(http.per_day_line == 14);
  const OpeningEntry& alpn = *policy.opening("alpn");
  CHECK_FALSE(alpn.to_loopback);
  CHECK(alpn.gate == GateKind::none);
  CHECK(alpn.gates.empty());
  CHECK(alpn.at_most == 86400);
  CHECK_FALSE(alpn.per_day.has_value());
  CHECK_FALSE(alpn.share);
  CHECK(alpn.mark == kDefaultMark);

  const InstallEntry& install = *policy.install("example.org");
  CHECK(install.names ==
        std::vector<std::string>{"example.org", "*.example.org", "192.0.2.1", "2001:db8::1"});
  CHECK(install.directory == "/etc/ssl/a");
  CHECK(install.owner_user == "root");
  CHECK(install.owner_group == "ssl-cert");
  CHECK(install.mode == 0640);
  CHECK(install.combined);
  CHECK(install.services == std::vector<std::string>{"a", "b", "c"});
  CHECK(install.per_day == 5);
  CHECK(install.trust == "/etc/ssl/ca.pem");
  CHECK(install.line == 23);
  CHECK(install.names_line == 24);
  CHECK(install.per_day_line == 32);

  CHECK(policy.service("a")->action == ServiceAction::restart_unit);
  CHECK(policy.service("a")->unit == "a.service");
  CHECK(policy.service("a")->timeout == 600);
  CHECK(policy.service("a")->check.empty());
  CHECK(policy.service("b")->action == ServiceAction::reload_unit);
  CHECK(policy.service("b")->unit == "b@x.service");
  CHECK(policy.service("b")->per_day == 3);
  CHECK(policy.service("b")->timeout == 60);
  CHECK(policy.service("c")->action == ServiceAction::command);
  CHECK(policy.service("c")->command ==
        std::vector<std::string>{"/bin/c", "one \"word\"", "", "ab cd", "it's"});
  CHECK(policy.service("c")->check == std::vector<std::string>{"/bin/check"});
  CHECK(policy.service("c")->check_line == 42);
  CHECK(policy.service("d") == nullptr);
  CHECK(policy.opening("example.org") == nullptr);
}

TEST_CASE("what is not written has its documented default") {
  const Policy policy = sound();
  CHECK(policy.user == "certlatch-broker");
  CHECK(policy.confinement_required);
  CHECK_FALSE(policy.openings[0].to_loopback);
  CHECK_FALSE(policy.installs[0].combined);
  CHECK(policy.installs[0].trust.empty());
  CHECK(policy.openings[0].per_day_line == 0);
}

TEST_CASE("a static gate names no chain") {
  const Policy policy = sound(with_line(8, "gate = static"));
  CHECK(policy.openings[0].gate == GateKind::is_static);
  CHECK(policy.openings[0].gates.empty());
}

TEST_CASE("the digest is that of the file's bytes") {
  Digest expected{};
  crypto_generichash(reinterpret_cast<unsigned char*>(expected.data()), expected.size(),
                     reinterpret_cast<const unsigned char*>(kSoundPolicy.data()), kSoundPolicy.size(),
                     nullptr, 0);
  CHECK(sound().digest == expected);
  CHECK(sound(with_more("# a comment\n")).digest != expected);
}

TEST_CASE("the order of sections and keys does not matter") {
  const Policy policy = sound(
      "[install a]\nservices = b\nmode = 600\nowner = a:a\ndirectory = /a/b\nnames = a\n"
      "[service b]\ncommand = /bin/true\n[broker]\naudit = /a\nworker = w\n");
  CHECK(policy.installs[0].services == std::vector<std::string>{"b"});
}

TEST_CASE("a policy that allows nothing is a policy") {
  CHECK(sound("[broker]\nworker = w\naudit = /a\n").openings.empty());
}
