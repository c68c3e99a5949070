// SPDX-License-Identifier: MIT
// Every kind of fault in a policy is refused, at its exact line.
#include <string>

#include "policy/ini_file.h"
#include "tests/unit/policy/policy_text.h"

using namespace certlatch;

namespace {

/// Line `number` of the sound policy replaced: what does the reader say?
std::string broken(unsigned number, std::string_view replacement) {
  return faults_of(with_line(number, replacement));
}

std::string more(std::string_view lines) { return faults_of(with_more(lines)); }

}  // namespace

TEST_CASE("the sound policy has no fault") { CHECK(faults_of(kSoundPolicy).empty()); }

TEST_CASE("a required key that is missing is named at the section's heading") {
  CHECK(broken(2, "") == "p:1: [broker] has no `worker`\n");
  CHECK(broken(3, "") == "p:1: [broker] has no `audit`\n");
  CHECK(broken(5, "") == "p:4: [open http] has no `port`\n");
  CHECK(broken(6, "") == "p:4: [open http] has no `to`\n");
  CHECK(broken(7, "") == "p:4: [open http] has no `interface`\n");
  CHECK(broken(8, "") == "p:4: [open http] has no `gate`\n");
  CHECK(broken(9, "") == "p:4: [open http] has no `at most`\n");
  CHECK(broken(11, "") == "p:10: [install example.org] has no `names`\n");
  CHECK(broken(12, "") == "p:10: [install example.org] has no `directory`\n");
  CHECK(broken(13, "") == "p:10: [install example.org] has no `owner`\n");
  CHECK(broken(14, "") == "p:10: [install example.org] has no `mode`\n");
  CHECK(broken(17, "") == "p:16: [service nginx] needs exactly one of `reload`, `restart` and `command`\n");
}

TEST_CASE("unknown sections and keys are refused") {
  CHECK(more("[opne http]\nport = 81\n") ==
        "p:19: [opne http] is none of [broker], [open NAME], [install NAME], [service NAME]\n");
  CHECK(more("[Service x]\n") ==
        "p:19: [Service x] is none of [broker], [open NAME], [install NAME], [service NAME]\n");
  CHECK(more("retsart = x\n") ==
        "p:19: [service nginx] has no key `retsart`; it knows reload, restart, command, check, per day, "
        "timeout\n");
  CHECK(broken(2, "worker = a\nAudit = /b") ==
        "p:3: [broker] has no key `Audit`; it knows worker, audit, user, confinement\n");
}

TEST_CASE("a section has a name when its kind has one") {
  CHECK(more("[service]\ncommand = /a\n") ==
        "p:19: [service] is none of [broker], [open NAME], [install NAME], [service NAME]\n");
  CHECK(broken(1, "[broker main]") ==
        "p:1: [broker main] is none of [broker], [open NAME], [install NAME], [service NAME]\n");
}

TEST_CASE("a section that stands twice is refused") {
  CHECK(more("[broker]\nworker = mallory\n") == "p:19: [broker] is already on line 1\n");
  CHECK(more("[service nginx]\ncommand = /a\n") == "p:19: [service nginx] is already on line 16\n");
}

TEST_CASE("a key that stands twice is refused") {
  CHECK(broken(7, "interface = eth0\nport = 81") == "p:8: `port`: is already given on line 5\n");
  CHECK(more("reload = a.service\n") == "p:19: `reload`: is already given on line 17\n");
  CHECK(more("check = /bin/true\n") == "p:19: `check`: is already given on line 18\n");
}

TEST_CASE("an item that stands twice in a list is refused") {
  CHECK(broken(7, "interface = eth0 eth1 eth0") == "p:7: `interface`: `eth0` stands there twice\n");
  CHECK(broken(8, "gate = inet filter input\ngate = inet  filter input") ==
        "p:9: `gate`: `inet  filter input` stands there twice\n");
  CHECK(broken(11, "names = a.example\nnames = A.example") ==
        "p:12: `names`: `A.example` stands there twice\n");
  CHECK(broken(15, "services = nginx nginx") == "p:15: `services`: `nginx` stands there twice\n");
}

TEST_CASE("an empty value is refused, and is not missing as well") {
  CHECK(broken(5, "port =") == "p:5: `port` has no value\n");
  CHECK(broken(9, "at most = # two minutes") == "p:9: `at most` has no value\n");
}

TEST_CASE("an over-long line is refused, and its key is not missing as well") {
  CHECK(broken(11, "names = " + std::string(190, 'a')) ==
        "p:11: the line has 198 bytes; at most 197 are read, apart from indentation and comment\n");
}

TEST_CASE("no [broker] and no file are faults of the file") {
  CHECK(faults_of("[service nginx]\ncommand = /bin/true\n") == "p: there is no [broker] section\n");
  CHECK(faults_of("") == "p: there is no [broker] section\n");
}

TEST_CASE("a file over 4 MiB is not read") {
  CHECK(faults_of(with_more(std::string(kMaxPolicyBytes, '\n'))) ==
        "p: the file has more than 4194304 bytes\n");
  CHECK(faults_of(with_more(std::string(kMaxPolicyBytes - kSoundPolicy.size(), '\n'))).empty());
}

TEST_CASE("all faults are told, in the order of their lines") {
  const std::string text =
      with_line(5, "port = 0", with_line(14, "mode = 0777", with_line(2, "worker = root")));
  CHECK(faults_of(text + "nonsense\n[x]\n") ==
        "p:2: `worker`: root is refused; name a user without privilege\n"
        "p:5: `port`: `0` is not a number from 1 to 65535\n"
        "p:14: `mode`: `0777` is not a mode for a private key, such as 0640: its owner may read and write "
        "it, its group read, others nothing\n"
        "p:19: neither `key = value` nor a `[section]`\n"
        "p:20: [x] is none of [broker], [open NAME], [install NAME], [service NAME]\n");
  CHECK_FALSE(read_policy(text, "p").has_value());
}

TEST_CASE("entry names are plain and bounded") {
  for (const char* name : {"a/b", "*", "a:b", "é", "a\"b"}) {
    CAPTURE(name);
    CHECK(
        more(fmt::format("[service {}]\ncommand = /a\n", name)) ==
        fmt::format("p:19: `{}` cannot name an entry: letters, digits, `.`, `_` and `-`, at most 64 bytes\n",
                    name));
  }
  CHECK(more("[service A-z_0.9]\ncommand = /a\n").empty());
  CHECK(more(fmt::format("[service {}]\ncommand = /a\n", std::string(64, 'a'))).empty());
  CHECK(more(fmt::format("[service {}]\ncommand = /a\n", std::string(65, 'a'))).starts_with("p:19: `aaa"));
}

TEST_CASE("an opening's name can stand in the name of an nftables set") {
  const std::string long_name(33, 'a');
  for (const std::string_view name :
       std::initializer_list<std::string_view>{"HTTP", "a-b", "a.b", long_name}) {
    CAPTURE(name);
    CHECK(
        broken(4, fmt::format("[open {}]", name)) ==
        fmt::format("p:4: `{}` cannot name an entry: lower-case letters, digits and `_`, at most 32 bytes\n",
                    name));
  }
  CHECK(broken(4, "[open " + std::string(32, 'a') + "]").empty());
}

TEST_CASE("worker and user are users without privilege, and two") {
  CHECK(broken(2, "worker = 0") == "p:2: `worker`: `0` is not the name of a user or group\n");
  CHECK(broken(2, "worker = a b") == "p:2: `worker`: `a b` is not the name of a user or group\n");
  CHECK(broken(2, "worker = -a") == "p:2: `worker`: `-a` is not the name of a user or group\n");
  CHECK(broken(2, "worker = " + std::string(33, 'a')).starts_with("p:2: `worker`: `aaa"));
  CHECK(broken(2, "worker = root") == "p:2: `worker`: root is refused; name a user without privilege\n");
  CHECK(broken(3, "audit = /a\nuser = root") ==
        "p:4: `user`: root is refused; name a user without privilege\n");
  CHECK(broken(3, "audit = /a\nuser = certlatch") ==
        "p:4: `worker` and `user` are one; the worker could take over the broker\n");
  CHECK(broken(2, "worker = certlatch-broker") ==
        "p:2: `worker` and `user` are one; the worker could take over the broker\n");
}

TEST_CASE("confinement is required or best effort") {
  CHECK(broken(3, "audit = /a\nconfinement = none") ==
        "p:4: `confinement`: `none` is neither `required` nor `best effort`\n");
}

TEST_CASE("paths are absolute and plain") {
  CHECK(broken(3, "audit = var/log") ==
        "p:3: `audit`: `var/log` is not a plain absolute path: no blank, `.`, `..`, doubled or trailing "
        "slash\n");
  CHECK(broken(3, "audit = /var/my log") ==
        "p:3: `audit`: `/var/my log` is not a plain absolute path: no blank, `.`, `..`, doubled or trailing "
        "slash\n");
  for (const char* path : {"/", "//", "/a/", "/a//b", "/a/./b", "/a/../b", "/..", "/a/.."}) {
    CAPTURE(path);
    CHECK(broken(12, fmt::format("directory = {}", path)) ==
          fmt::format("p:12: `directory`: `{}` is not a plain absolute path: no blank, `.`, `..`, doubled or "
                      "trailing slash\n",
                      path));
  }
  CHECK(broken(12, "directory = /a/.b/..c").empty());
  CHECK(broken(14, "mode = 0640\ntrust = ca.pem") ==
        "p:15: `trust`: `ca.pem` is not a plain absolute path: no blank, `.`, `..`, doubled or trailing "
        "slash\n");
}

TEST_CASE("ports are from 1 to 65535") {
  for (const char* port : {"0", "65536", "-1", "+80", "80x", "http", "0x50", "99999999999", "8 0"}) {
    CAPTURE(port);
    CHECK(broken(5, fmt::format("port = {}", port)) ==
          fmt::format("p:5: `port`: `{}` is not a number from 1 to 65535\n", port));
  }
  CHECK(broken(5, "port = 65535").empty());
}

TEST_CASE("an opening leads to a high port of this host") {
  for (const char* to : {"8080", "::8080", "127.0.0.1", "10.0.0.1:8080", "localhost:8080", "[::1]:8080", ":0",
                         ":1023", "127.0.0.1 :8080", ": 8080", "0.0.0.0:8080", "127.0.0.2:8080"}) {
    CAPTURE(to);
    CHECK(broken(6, fmt::format("to = {}", to)) ==
          fmt::format("p:6: `to`: `{}` is neither `:PORT` nor `127.0.0.1:PORT`, with a port from 1024 up\n",
                      to));
  }
  CHECK(broken(6, "to = 127.0.0.1:1024").empty());
}

TEST_CASE("an opening cannot lead to itself") {
  CHECK(faults_of(with_line(5, "port = 8080")) == "p:6: `to`: port 8080 would lead to itself\n");
}

TEST_CASE("two openings cannot share a port") {
  CHECK(more("[open again]\nport = 80\nto = :9090\ninterface = eth1\ngate = static\nat most = 1m\n") ==
        "p:20: `port`: 80 is already opened by [open http] on line 5\n");
}

TEST_CASE("interfaces are single and real") {
  for (const char* interface : {"eth0/1", "..", ".", "eth*", "sixteen-bytes-00", "eth:1", "ëth"}) {
    CAPTURE(interface);
    CHECK(broken(7, fmt::format("interface = {}", interface)) ==
          fmt::format("p:7: `interface`: `{}` is not the name of one interface to the outside (at most 15 "
                      "bytes, no wildcard)\n",
                      interface));
  }
  CHECK(broken(7, "interface = fifteen-bytes-0").empty());
  for (const char* other : {"lo", "all", "default"}) {
    CAPTURE(other);
    CHECK(broken(7, fmt::format("interface = eth0\ninterface = {}", other)) ==
          fmt::format("p:8: `interface`: `{}` is not the name of one interface to the outside (at most 15 "
                      "bytes, no wildcard)\n",
                      other));
  }
}

TEST_CASE("a gate is a chain with its table and family, or static, or none") {
  const std::string long_gate = "inet filter " + std::string(65, 'c');
  for (const std::string_view gate : std::initializer_list<std::string_view>{
           "filter input", "inet filter", "inet filter input x", "bridge filter input", "inet fil;ter input",
           "inet 1filter input", "inet filter -input", "STATIC", long_gate, "inet filter in*"}) {
    CAPTURE(gate);
    CHECK(broken(8, fmt::format("gate = {}", gate)) ==
          fmt::format("p:8: `gate`: `{}` is neither `ip|ip6|inet TABLE CHAIN`, nor `static`, nor `none`\n",
                      gate));
  }
  CHECK(broken(8, "gate = inet filter input,") ==
        "p:8: `gate`: `` is neither `ip|ip6|inet TABLE CHAIN`, nor `static`, nor `none`\n");
  CHECK(broken(8, "gate = inet filter input\ngate = ip filter") ==
        "p:9: `gate`: `ip filter` is neither `ip|ip6|inet TABLE CHAIN`, nor `static`, nor `none`\n");
  CHECK(broken(8, "gate = static, inet filter input") ==
        "p:8: `gate`: `static` and `none` each stand alone\n");
  CHECK(broken(8, "gate = inet filter input\ngate = none") ==
        "p:8: `gate`: `static` and `none` each stand alone\n");
}

TEST_CASE("a gate that the packets of a loopback opening never reach is refused") {
  CHECK(faults_of(
            with_line(6, "to = 127.0.0.1:8080", with_line(8, "gate = ip filter INPUT, ip6 filter INPUT"))) ==
        "p:8: `gate`: `ip6 filter INPUT` never sees the IPv4 packets that go to 127.0.0.1\n");
  CHECK(broken(8, "gate = ip6 filter INPUT").empty());
}

TEST_CASE("a mark is not that of every packet, and has a gate that looks for it") {
  for (const char* mark : {"x", "0x", "0x1ffffffff", "-1", "4294967296", "0xg"}) {
    CAPTURE(mark);
    CHECK(broken(9, fmt::format("at most = 2m\nmark = {}", mark)) ==
          fmt::format("p:10: `mark`: `{}` is not a mark of 32 bits, such as 0xac3e0050; 0 is that of every "
                      "other packet\n",
                      mark));
  }
  CHECK(
      broken(9, "at most = 2m\nmark = 0x0") ==
      "p:10: `mark`: `0x0` is not a mark of 32 bits, such as 0xac3e0050; 0 is that of every other packet\n");
  CHECK(broken(8, "gate = none\nmark = 7") == "p:9: `mark`: with `gate = none` nothing looks for a mark\n");
}

TEST_CASE("times have a unit and a bound") {
  for (const char* time : {"2", "m", "2 m", "2d", "-2m", "2.5m", "1h30m", "forever"}) {
    CAPTURE(time);
    CHECK(broken(9, fmt::format("at most = {}", time)) ==
          fmt::format("p:9: `at most`: `{}` is not a time from 1s to 86400s, such as 90s, 2m or 1h\n", time));
  }
  for (const char* time : {"0s", "0h", "25h", "86401s", "1441m", "4294967295h"}) {
    CAPTURE(time);
    CHECK(broken(9, fmt::format("at most = {}", time)) ==
          fmt::format("p:9: `at most`: `{}` is not a time from 1s to 86400s, such as 90s, 2m or 1h\n", time));
  }
  CHECK(broken(9, "at most = 24h").empty());
  CHECK(more("timeout = 11m\n") ==
        "p:19: `timeout`: `11m` is not a time from 1s to 600s, such as 90s, 2m or 1h\n");
}

TEST_CASE("a budget is at least one") {
  for (const char* budget : {"0", "100001", "-1", "many", "1 000"}) {
    CAPTURE(budget);
    const std::string sentence = fmt::format("`per day`: `{}` is not a number from 1 to 100000\n", budget);
    CHECK(broken(9, fmt::format("at most = 2m\nper day = {}", budget)) == "p:10: " + sentence);
    CHECK(broken(14, fmt::format("mode = 0640\nper day = {}", budget)) == "p:15: " + sentence);
    CHECK(more(fmt::format("per day = {}\n", budget)) == "p:19: " + sentence);
  }
}

TEST_CASE("yes is yes and no is no") {
  CHECK(broken(9, "at most = 2m\nshare = true") == "p:10: `share`: `true` is neither `yes` nor `no`\n");
  CHECK(broken(14, "mode = 0640\ncombined = Yes") == "p:15: `combined`: `Yes` is neither `yes` nor `no`\n");
}

TEST_CASE("names are host names, wildcards or addresses") {
  const std::string long_label = fmt::format("{:a>64}.example", "");
  const std::string wrong =
      "exa_mple.org .example.org example.org. a..b -a.example a-.example * *. **.a a.*.example *a.example "
      "*.*.example a/b [::1] 10.0.0.1/8 ::1%eth0 1:2 1.2.3 256.1.1.1 1.2.3.4.5 a.1 7 *.0.0.1 01.2.3.4 "
      "bücher.example " +
      long_label;
  for (const std::string_view name : split(wrong)) {
    CAPTURE(name);
    CHECK(broken(11, fmt::format("names = {}", name)) ==
          fmt::format("p:11: `names`: `{}` is neither a host name as DNS has it (not Unicode but xn--; no "
                      "number at its end), nor one with `*` as its first label, nor an IP address\n",
                      name));
  }
  CHECK(
      broken(11, "names = localhost *.lan xn--bcher-kva.example 3com.example ::1 ::ffff:192.0.2.1").empty());
}

TEST_CASE("the owner is a user and a group") {
  for (const char* owner : {"root", "root:", ":root", "root:a:b", "0:0", "root:ssl cert"}) {
    CAPTURE(owner);
    CHECK(broken(13, fmt::format("owner = {}", owner)).starts_with("p:13: `owner`: `"));
  }
}

TEST_CASE("a mode protects the key") {
  const auto mode = [](std::string_view text) { return broken(14, fmt::format("mode = {}", text)); };
  for (const char* text : {"64", "00640", "0648", "rw-", "0x1ff"}) {
    CAPTURE(text);
    CHECK(mode(text) == fmt::format("p:14: `mode`: `{}` is not a mode for a private key, such as 0640: its "
                                    "owner may read and write it, its group read, others nothing\n",
                                    text));
  }
  for (const char* text : {"4640", "0740", "0644", "0642", "0641", "0660", "0650", "0040", "0240", "000"}) {
    CAPTURE(text);
    CHECK(mode(text) == fmt::format("p:14: `mode`: `{}` is not a mode for a private key, such as 0640: its "
                                    "owner may read and write it, its group read, others nothing\n",
                                    text));
  }
  CHECK(mode("0600").empty());
  CHECK(mode("0440").empty());
  CHECK(mode("400").empty());
}

TEST_CASE("no two installs share a directory or lie one within the other") {
  const auto second = [](std::string_view directory) {
    return more(fmt::format("[install b]\nnames = b\ndirectory = {}\nowner = a:a\nmode = 600\n", directory));
  };
  CHECK(second("/etc/ssl/certlatch/example.org") ==
        "p:21: `directory`: /etc/ssl/certlatch/example.org is that of [install example.org] on line 10, or "
        "one lies within the other\n");
  CHECK(second("/etc/ssl/certlatch/example.org/b") ==
        "p:21: `directory`: /etc/ssl/certlatch/example.org/b is that of [install example.org] on line 10, or "
        "one lies within the other\n");
  CHECK(second("/etc/ssl/certlatch") ==
        "p:21: `directory`: /etc/ssl/certlatch is that of [install example.org] on line 10, or one lies "
        "within the other\n");
  CHECK(second("/etc/ssl/certlatch/example.org2").empty());
}

TEST_CASE("a service that an install names must exist") {
  CHECK(broken(15, "services = nginx\nservices = dovecot") ==
        "p:16: `services`: there is no [service dovecot]\n");
  CHECK(broken(15, "services = http") == "p:15: `services`: there is no [service http]\n");
}

TEST_CASE("a service does exactly one thing") {
  CHECK(more("restart = nginx.service\n") ==
        "p:19: [service nginx] needs exactly one of `reload`, `restart` and `command`\n");
  CHECK(broken(17, "command = /bin/true\nreload = a.service") ==
        "p:18: [service nginx] needs exactly one of `reload`, `restart` and `command`\n");
}

TEST_CASE("a unit is a unit's name and no option") {
  const std::string long_unit = fmt::format("{:a>130}.service", "");
  for (const std::string_view unit : std::initializer_list<std::string_view>{
           "nginx", "--force.service", "a b.service", ".service", "a/b.service", long_unit}) {
    CAPTURE(unit);
    CHECK(broken(17, fmt::format("reload = {}", unit)) ==
          fmt::format("p:17: `reload`: `{}` is not a unit such as nginx.service\n", unit));
  }
}

TEST_CASE("a command is a path and its words, and no shell's line") {
  CHECK(broken(18, "check = nginx -t") ==
        "p:18: `check`: `nginx` is not a plain absolute path: no blank, `.`, `..`, doubled or trailing "
        "slash\n");
  CHECK(broken(18, "check = /usr/../bin/x") ==
        "p:18: `check`: `/usr/../bin/x` is not a plain absolute path: no blank, `.`, `..`, doubled or "
        "trailing slash\n");
  CHECK(broken(18, "check = '/bin/x") ==
        "p:18: `check`: a quote `'` is not closed (a comment starts at `#` or `;` even in quotes)\n");
  CHECK(broken(18, "check = /bin/x \"a # b\"") ==
        "p:18: `check`: a quote `\"` is not closed (a comment starts at `#` or `;` even in quotes)\n");
  for (const char c : std::string("|&<>$`*?\\")) {
    CAPTURE(c);
    CHECK(broken(18, fmt::format("check = /bin/x a{}", c)) ==
          fmt::format("p:18: `check`: no shell reads this: put `{}` in quotes if it is meant as it stands\n",
                      c));
    CHECK(broken(18, fmt::format("check = /bin/x 'a{}'", c)).empty());
  }
}
