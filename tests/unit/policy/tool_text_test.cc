// SPDX-License-Identifier: MIT
// What certlatch-policy says of a policy is what the policy says.
#include <algorithm>

#include "policy/tool/ask.h"
#include "policy/tool/explain.h"
#include "policy/tool/gate.h"
#include "policy/tool/rules.h"
#include "policy/tool/words.h"
#include "tests/unit/policy/policy_text.h"

using namespace certlatch;

namespace {

/// The sentence for the entry that `text` has first.
std::string first_permission(std::string_view text) {
  return explain(sound(text)).permissions.at(0).sentence;
}

std::string answer(std::string_view question, std::string_view text = kSoundPolicy) {
  const auto verdict = ask(sound(text), question);
  if (!verdict) return "error: " + verdict.error().message;
  return fmt::format("{} {} {}", verdict->is_allowed ? "yes" : "no", verdict->line, verdict->sentence);
}

bool says(const Explanation& explanation, std::string_view item) {
  return std::ranges::find(explanation.not_possible, item) != explanation.not_possible.end();
}

}  // namespace

TEST_CASE("what the kernel holds the broker to follows from the policy") {
  const Held held = held_by_kernel(sound());
  const auto has = [](const std::vector<std::string>& list, std::string_view item) {
    return std::ranges::find(list, item) != list.end();
  };
  for (const auto& entry : sound().installs) CHECK(has(held.paths, entry.directory));
  CHECK(held.paths.size() == sound().installs.size() + 2);
  CHECK(has(held.capabilities, "cap_net_admin"));
  for (const char* call : {"read", "fsync", "renameat", "accept4"}) CHECK(has(held.system_calls, call));
  for (const char* call : {"socket", "connect", "execve", "clone", "chmod", "openat", "ptrace", "ioctl"})
    CHECK_FALSE(has(held.system_calls, call));
  CHECK(has(held.checked_calls, "fchown to root:ssl-cert"));
  const auto page = page_of(explain(sound()));
  CHECK(page.find(hex_text(sound().digest)) != std::string::npos);
  CHECK(page.find("What the kernel holds the broker to") != std::string::npos);
  CHECK(page.find("cap_net_admin") != std::string::npos);
}

TEST_CASE("every entry is explained, with its line") {
  const Explanation explanation = explain(sound());
  REQUIRE(explanation.permissions.size() == 3);
  CHECK(explanation.permissions[0].kind == "open");
  CHECK(explanation.permissions[0].line == 4);
  CHECK(explanation.permissions[0].sentence ==
        "certlatch may open TCP port 80 on eth0, for at most 2 minutes at a time and as often as it likes, "
        "unless a "
        "program listens on it. New connections then lead to port 8080 of the address they were made to, "
        "over IPv4 and "
        "IPv6. For that time a rule at the head of `inet filter input` lets them through.");
  CHECK(explanation.permissions[1].line == 10);
  CHECK(explanation.permissions[1].sentence ==
        "certlatch may install a private key and its certificate in /etc/ssl/certlatch/example.org, as often "
        "as it "
        "likes, if the certificate is for nothing but example.org or *.example.org (or a single label in "
        "place of the "
        "`*`). The files belong to root:ssl-cert with mode 0640: the owner may read and write and the group "
        "may read. "
        "If the check of nginx then fails, the previous pair comes back.");
  CHECK(explanation.permissions[2].line == 16);
  CHECK(explanation.permissions[2].sentence ==
        "certlatch may have nginx.service reloaded, as often as it likes, each time only after "
        "`/usr/sbin/nginx -t`, "
        "run as root, has succeeded. It is given up after 1 minute.");
}

TEST_CASE("what an opening does to the host is explained") {
  CHECK(first_permission(with_line(6, "to = 127.0.0.1:8080"))
            .contains("lead to 127.0.0.1 port 8080, over IPv4 only; meanwhile route_localnet is set on eth0, "
                      "and a guard"));
  CHECK(first_permission(with_line(8, "gate = static"))
            .contains("A rule of the admin's own ruleset lets them through"));
  CHECK(first_permission(with_line(8, "gate = none")).contains("no rule is added"));
  CHECK(first_permission(with_line(7, "interface = a b c")).contains("port 80 on a, b and c,"));
  CHECK(first_permission(with_line(9, "at most = 1h\nper day = 1\nshare = yes"))
            .contains(
                "for at most 1 hour at a time and at most once a day, even while a program listens on it"));
}

TEST_CASE("what is done as root is explained, word by word") {
  const auto service = [](std::string_view line) {
    return explain(sound(with_line(17, line))).permissions.at(2).sentence;
  };
  CHECK(
      service("command = /bin/x 'a b' \"it's\" ''").contains("have `/bin/x 'a b' \"it's\" ''` run as root"));
  CHECK(service("restart = a.service").contains("have a.service restarted"));
  CHECK(explain(sound(with_line(18, ""))).permissions.at(2).sentence.contains("without any check before it"));
}

TEST_CASE("an install without wildcard, checks or group access says so") {
  const auto text =
      explain(
          sound(with_line(11, "names = a.example",
                          with_line(14, "mode = 0400\ntrust = /ca.pem\ncombined = yes", with_line(15, "")))))
          .permissions.at(1)
          .sentence;
  CHECK(text.contains("for nothing but a.example. The files"));
  CHECK(text.contains("mode 0400: the owner may read and the group may not."));
  CHECK(text.contains(
      "Key and chain are also written as one file. The chain must lead to a certificate in /ca.pem."));
  CHECK_FALSE(text.contains("previous pair"));
}

TEST_CASE("what is not possible names everything that is") {
  const Explanation explanation = explain(sound());
  CHECK(says(explanation, "For any user but `certlatch`: anything at all."));
  CHECK(says(explanation, "Opening any port but 80."));
  CHECK(says(explanation, "Adding a rule to any chain of the admin's firewall but `inet filter input`."));
  CHECK(says(explanation, "Installing a certificate for any name but example.org and *.example.org."));
  CHECK(says(explanation, "Reloading or restarting any unit but nginx.service."));
  CHECK(says(explanation, "Running any command, or one with other arguments, but `/usr/sbin/nginx -t`."));
}

TEST_CASE("a policy that allows nothing is explained as that") {
  const Explanation explanation =
      explain(sound("[broker]\nworker = w\naudit = /a\nconfinement = best effort\n"));
  CHECK(explanation.permissions.empty());
  for (const char* item :
       {"Opening any port.", "Changing any rule of the admin's firewall.", "Installing a certificate.",
        "Reloading or restarting any unit.", "Running any command."}) {
    CAPTURE(item);
    CHECK(says(explanation, item));
  }
  CHECK(explanation.who.contains("serves all the same"));
  CHECK(page_of(explanation).contains("Permitted\n\n  nothing\n"));
}

TEST_CASE("the page fits a terminal") {
  std::string_view page;
  const std::string text = page_of(explain(sound()));
  for (page = text; !page.empty(); page.remove_prefix(page.find('\n') + 1)) CHECK(page.find('\n') <= 96);
}

TEST_CASE("ask answers with the line") {
  CHECK(answer("open http") ==
        "yes 4 open http: allowed by line 4 of p, for at most 2 minutes, as often as it likes");
  CHECK(
      answer("  install   example.org ") ==
      "yes 10 install example.org: allowed by line 10 of p, of a certificate for nothing but example.org or "
      "*.example.org, as often as it likes");
  CHECK(answer("install example.org www.example.org")
            .starts_with("yes 10 install example.org www.example.org: allowed"));
  CHECK(answer("restart nginx") ==
        "yes 16 restart nginx: allowed by line 16 of p, if its check succeeds, as often as it likes");
  CHECK(answer("open https") ==
        "no 0 open https: refused, since no line of p allows it: there is no [open https]");
  CHECK(answer("install example.org a.b.example.org") ==
        "no 11 install example.org: refused, since the certificate is for a.b.example.org, which `names` on "
        "line 11 of "
        "p does not cover");
}

TEST_CASE("what is no question is not answered") {
  for (const char* question : {"", "open", "open http x", "close http", "restart nginx now", "install"}) {
    CAPTURE(question);
    CHECK(answer(question).starts_with("error: "));
  }
}

TEST_CASE("the gate is printed for each firewall, and for IPv6 only where it sees packets") {
  const std::string mark = with_line(9, "at most = 2m\nmark = 0xbeef");
  const std::string text = gate_text(sound(mark));
  CHECK(text.contains("\ntcp dport 8080 meta mark 0x0000beef accept comment \"certlatch\"\n"));
  CHECK(
      text.contains("\niptables -I INPUT -p tcp --dport 8080 -m mark --mark 0x0000beef -m comment --comment "
                    "certlatch -j ACCEPT\n"));
  CHECK(text.contains("\n-A ufw-before-input -p tcp --dport 8080 -m mark --mark 0x0000beef "));
  CHECK(text.contains("\n-A ufw6-before-input "));
  CHECK(text.contains("\nip6tables "));
  const std::string loopback = gate_text(sound(with_line(6, "to = 127.0.0.1:8080")));
  CHECK_FALSE(loopback.contains("ip6"));
  CHECK_FALSE(loopback.contains("ufw6"));
}

TEST_CASE("the gates of the admin's chains are comments in the rules") {
  const std::string text = rules_text(sound(with_line(8, "gate = inet filter input, ip filter INPUT")));
  CHECK(
      text.contains("\n# insert rule inet filter input tcp dport 8080 meta mark 0xac3e0050 accept comment "
                    "\"certlatch\"\n"));
  CHECK(text.contains("\n# insert rule ip filter INPUT tcp dport 8080 "));
  CHECK(rules_text(sound(with_line(8, "gate = static"))).contains("see `certlatch-policy gate`"));
}

TEST_CASE("words read well") {
  CHECK(in_words(1) == "1 second");
  CHECK(in_words(90) == "90 seconds");
  CHECK(in_words(60) == "1 minute");
  CHECK(in_words(86400) == "24 hours");
  CHECK(listed({}).empty());
  CHECK(listed({"a", "b"}, "or") == "a or b");
  CHECK(wrapped("aa bb cc dd", "- ", 8) == "- aa bb\n  cc dd\n");
  CHECK(wrapped("longerthanthewidth b", "- ", 8) == "- longerthanthewidth\n  b\n");
}
