// SPDX-License-Identifier: MIT
#include "worker/state/config.h"

#include <doctest/doctest.h>

#include "tests/unit/worker/own_directory.h"
#include "worker/state/host_name.h"

using namespace certlatch;

namespace {

/// All faults of a text, one a line, as a person sees them.
std::string faults_of(std::string_view text) {
  const auto reading = read_config(text, "f");
  CHECK(reading.config.has_value() == reading.faults.empty());
  std::string lines;
  for (const auto& fault : reading.faults) lines += fault.text() + "\n";
  return lines;
}

/// A configuration that has the extra lines in its one certificate, from line 6 on.
std::string with(std::string_view extra, std::string_view names = "example.org") {
  return fmt::format(
      "[ca le]\ndirectory = https://ca.test/dir\n[certificate a]\nnames = {}\nca = le\n{}\nopening = http\n",
      names, extra);
}

std::string with_ca(std::string_view extra) { return fmt::format("[ca le]\n{}\n", extra); }

}  // namespace

TEST_CASE("a configuration is read with everything it says") {
  const auto reading = read_config(
      "[worker]\nparallel = 3\nuser agent = me/1\n"
      "[ca le]\ndirectory = https://ca.test:14000/dir?x=1\ncontact = a@example.org "
      "mailto:b@example.org\nagree = yes\n"
      "roots = /etc/roots.pem\naccount key = ed25519\nproxy = http://proxy:3128\n"
      "[certificate a]\nnames = Example.ORG www.example.org\nnames = 192.0.2.1 2001:DB8:0::1\nca = le\n"
      "challenge = http-01\nopening = http\ninstall = one two\nkey = rsa-4096\n",
      "f");
  for (const auto& fault : reading.faults) INFO(fault.text());
  REQUIRE(reading.config);
  const Config& config = *reading.config;
  CHECK(config.parallel == 3);
  CHECK(config.user_agent == "me/1");
  const CaConfig* ca = config.ca("le");
  REQUIRE(ca != nullptr);
  CHECK(ca->directory == "https://ca.test:14000/dir?x=1");
  CHECK(ca->origin == "https://ca.test:14000");
  CHECK(ca->contact == std::vector<std::string>{"a@example.org", "b@example.org"});
  CHECK(ca->agree);
  CHECK(ca->roots == "/etc/roots.pem");
  CHECK(ca->account_key == KeyType::ed25519);
  CHECK(ca->proxy == "http://proxy:3128");
  const CertificateConfig* certificate = config.certificate("a");
  REQUIRE(certificate != nullptr);
  CHECK(certificate->names ==
        std::vector<std::string>{"example.org", "www.example.org", "192.0.2.1", "2001:db8::1"});
  CHECK(certificate->cas == std::vector<std::string>{"le"});
  CHECK(certificate->opening == "http");
  CHECK(certificate->installs == std::vector<std::string>{"one", "two"});
  CHECK(certificate->key == KeyType::rsa_4096);
  CHECK(config.certificate("b") == nullptr);
}

TEST_CASE("what else a CA and a certificate may say is read") {
  const auto reading = read_config(
      "[ca one]\ndirectory = https://a/\nstaging = https://b/\nchain = Some Root X1\naccount passphrase = "
      "/p\n"
      "eab kid = kid_1\neab key file = /k\neab algorithm = HS384\n[ca two]\ndirectory = https://c/\n"
      "[certificate a]\nnames = a.example\nca = one two\nwebroot = /srv/www\nreuse key = yes\n"
      "profile = shortlived\nprofile required = yes\n"
      "[certificate b]\nnames = b.example\nca = two\nopening = http\ncsr = /b.csr\n",
      "f");
  for (const auto& fault : reading.faults) INFO(fault.text());
  REQUIRE(reading.config);
  const CaConfig& ca = *reading.config->ca("one");
  CHECK(ca.staging == "https://b/");
  CHECK(ca.preferred_chain == "Some Root X1");
  CHECK(ca.passphrase_file == "/p");
  CHECK(ca.eab_kid == "kid_1");
  CHECK(ca.eab_key_file == "/k");
  CHECK(ca.eab_mac == MacType::hs384);
  const CertificateConfig& a = *reading.config->certificate("a");
  CHECK(a.cas == std::vector<std::string>{"one", "two"});
  CHECK(a.webroot == "/srv/www");
  CHECK(a.opening.empty());
  CHECK(a.reuse_key);
  CHECK(a.profile == "shortlived");
  CHECK(a.profile_is_required);
  CHECK(reading.config->certificate("b")->csr == "/b.csr");
}

TEST_CASE("what is left out has a default") {
  const auto reading = read_config(with(""), "f");
  REQUIRE(reading.config);
  CHECK(reading.config->parallel == 8);
  CHECK_FALSE(reading.config->cas[0].agree);
  CHECK(reading.config->cas[0].account_key == KeyType::ecdsa_p256);
  CHECK(reading.config->certificates[0].key == KeyType::ecdsa_p256);
  CHECK(reading.config->certificates[0].installs.empty());
}

TEST_CASE("each fault is said with its line") {
  CHECK(faults_of(with("color = red")) == "f:6: `color` is not a key of [certificate a]\n");
  CHECK(faults_of(with("ca = le")) == "f:6: `le` is named twice\n");
  CHECK(faults_of(with("webroot = /srv")) == "f:7: `opening` and `webroot` exclude each other\n");
  CHECK(faults_of(with("webroot = srv")) ==
        "f:6: `webroot` is an absolute path\nf:7: `opening` and `webroot` exclude each other\n");
  CHECK(faults_of(with("csr = /c\nkey = rsa-2048")) ==
        "f:7: `key` and `csr` exclude each other: the request's key is not here\n");
  CHECK(faults_of(with("csr = c")) == "f:6: `csr` is an absolute path\n");
  CHECK(faults_of(with("profile required = yes")) == "f:3: `profile required` goes with `profile`\n");
  CHECK(faults_of(with_ca("directory = https://a/\neab kid = k")) ==
        "f:1: `eab kid` and `eab key file` go together\n");
  CHECK(faults_of(with_ca("directory = https://a/\neab kid = k\neab key file = k")) ==
        "f:4: `eab key file` is an absolute path\n");
  CHECK(faults_of(with_ca("directory = https://a/\neab algorithm = none")) ==
        "f:3: `eab algorithm` is one of HS256, HS384, HS512\n");
  CHECK(faults_of(with_ca("directory = https://a/\naccount passphrase = credential:a/b")) ==
        "f:3: `account passphrase`: `credential:` is followed by a credential's name\n");
  CHECK(faults_of(with_ca("directory = https://a/\nstaging = http://b/")) ==
        "f:3: `staging` is an https:// URL\n");
  CHECK(faults_of(with("key = rsa-2048\nkey = rsa-2048")) == "f:7: `key` was given already, in line 6\n");
  CHECK(faults_of(with("key = ed25519")) ==
        "f:6: `key` is one of ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096\n");
  CHECK(faults_of(with("challenge = http-02")) == "f:6: `challenge` is http-01, tls-alpn-01 or dns-01\n");
  CHECK(faults_of(with("install = a/b")) ==
        "f:6: `install`: the entry's name has a character other than letters, digits, `.`, `-` and `_`\n");
  CHECK(faults_of(with("install = one one")) == "f:6: `install = one` is taken already, in line 6\n");
  CHECK(faults_of("[certificate a]\nnames = a.example\nca = le\nopening = http\n") ==
        "f:1: [certificate a] names the CA `le`, but there is no [ca le]\n");
  CHECK(faults_of("[certificate a]\n") ==
        "f:1: [certificate a] needs a key `names`\nf:1: [certificate a] needs a key `ca`\n"
        "f:1: [certificate a] needs a key `opening`\n");
  CHECK(faults_of("[ca le]\n") == "f:1: [ca le] needs a key `directory`\n");
  CHECK(faults_of("[broker]\n") ==
        "f:1: [broker] is not a section; there are [worker], [ca NAME], [dns NAME] and [certificate NAME]\n");
  CHECK(faults_of("[worker x]\n") == "f:1: [worker] has no name\n");
  CHECK(faults_of("[worker]\n[worker]\n") == "f:2: this section was there already, in line 1\n");
  CHECK(faults_of("[worker]\nparallel = 0\n") == "f:2: `parallel` is a number from 1 to 64\n");
  CHECK(faults_of("[worker]\nparallel = 8x\n") == "f:2: `parallel` is a number from 1 to 64\n");
  CHECK(faults_of("[certificate ../x]\nnames = a.example\nca = le\nopening = http\n[ca le]\ndirectory = "
                  "https://a/\n") == "f:1: the section's name does not begin with a letter or a digit\n");
  CHECK(faults_of("[ca]\ndirectory = https://a/\n") == "f:1: [ca] needs a name: [ca NAME]\n");
  CHECK(faults_of(with_ca("directory = http://ca.test/dir")) == "f:2: `directory` is an https:// URL\n");
  CHECK(faults_of(with_ca("directory = https://user@ca.test/dir")) ==
        "f:2: `directory` is an https:// URL\n");
  CHECK(faults_of(with_ca("directory = https:///dir")) == "f:2: `directory` is an https:// URL\n");
  CHECK(faults_of(with_ca("directory = https://a/\nagree = maybe")) == "f:3: `agree` is `yes` or `no`\n");
  CHECK(faults_of(with_ca("directory = https://a/\nroots = roots.pem")) ==
        "f:3: `roots` is an absolute path\n");
  CHECK(faults_of(with_ca("directory = https://a/\ncontact = nobody")) ==
        "f:3: `nobody` is not a mail address\n");
  CHECK(faults_of("parallel = 1\n") == "f:1: a key before the first [section]\n");
}

TEST_CASE("when it is renewed can be said in time that is left") {
  CHECK(read_config(with(""), "f").config->certificates[0].renew_at == 0);
  CHECK(read_config(with("renew at = 30d"), "f").config->certificates[0].renew_at == 30 * 24 * 3600);
  for (const char* wrong : {"30", "x", "30w", "367d", "-1d", "30 d"})
    CHECK(faults_of(with(fmt::format("renew at = {}", wrong))) ==
          "f:6: `renew at` is a time such as 90s, 5m, 2h or 30d, at most 8784h\n");
}

TEST_CASE("a provider that lacks what it needs is refused") {
  CHECK(faults_of("[dns x]\nprovider = cloudflare\n") ==
        "f:1: `provider = cloudflare` needs a key `token file`\n");
}

TEST_CASE("all faults are said at once, in the order of their lines") {
  CHECK(faults_of("[worker]\nparallel = x\ncolor = red\n[certificate a]\nca = none\nopening = http\n") ==
        "f:2: `parallel` is a number from 1 to 64\nf:3: `color` is not a key of [worker]\n"
        "f:4: [certificate a] needs a key `names`\n"
        "f:4: [certificate a] names the CA `none`, but there is no [ca none]\n");
}

TEST_CASE("two certificates do not share a place") {
  CHECK(faults_of(with("install = one") +
                  "[certificate b]\nnames = b.example\nca = le\nopening = http\ninstall = one\n") ==
        "f:12: `install = one` is taken already, in line 6\n");
}

TEST_CASE("names are held to what a certificate can hold") {
  const auto fault = [](std::string_view name) {
    const auto canonical = canonical_name(name);
    return canonical ? "fine: " + *canonical : canonical.error().message;
  };
  CHECK(fault("WWW.Example.org") == "fine: www.example.org");
  CHECK(fault("*.example.org") == "fine: *.example.org");
  CHECK(fault("xn--bcher-kva.example") == "fine: xn--bcher-kva.example");
  CHECK(fault("2001:DB8::0:1") == "fine: 2001:db8::1");
  CHECK(fault("192.0.2.1") == "fine: 192.0.2.1");
  CHECK(fault("192.0.2.256") == "`192.0.2.256` is neither a host name nor an address");
  CHECK(fault("example.org.") == "`example.org.` ends with a dot");
  CHECK(fault("localhost") == "`localhost` is not a full host name: no CA issues for it");
  CHECK(fault("a..example") == "`a..example` has an empty label");
  CHECK(fault("-a.example") == "`-a.example` has a label that begins or ends with `-`");
  CHECK(fault("a_b.example").contains("has a character other than"));
  CHECK(fault("bücher.example").contains("xn-- form"));
  CHECK(fault("www.*.example").contains("has a character other than"));
  CHECK(fault(std::string(64, 'a') + ".example").contains("more than 63"));
  CHECK(fault(std::string(250, 'a') + ".example").contains("more than 253"));
  CHECK(faults_of(with("", "a.example A.example")) == "f:4: `a.example` is named twice\n");
  std::string many = "n0.example";
  for (int i = 1; i <= 5; ++i) many += fmt::format(" n{}.example", i);
  std::string lines;
  for (int i = 0; i < 101; ++i) lines += fmt::format("names = m{}.example\n", i);
  CHECK(faults_of(with(lines)) == "f:3: a certificate has at most 100 names\n");
}

TEST_CASE("a file that cannot be read is a fault") {
  const OwnDirectory directory;
  const auto missing = load_config(directory.path + "/none");
  REQUIRE(missing.faults.size() == 1);
  CHECK(missing.faults[0].text() == directory.path + "/none: cannot be read: No such file or directory");
  CHECK(load_config(directory.path).faults.size() == 1);
  directory.write("large", std::string(kMaxConfigBytes + 1, '#'));
  CHECK(load_config(directory.path + "/large").faults.at(0).sentence == "is larger than 16777216 bytes");
  directory.write("good", with(""));
  CHECK(load_config(directory.path + "/good").config.has_value());
}

TEST_CASE("the example is accepted") {
  const auto reading = load_config(CERTLATCH_EXAMPLES "/certlatch.conf");
  for (const auto& fault : reading.faults) FAIL_CHECK(fault.text());
  REQUIRE(reading.config);
  CHECK_FALSE(reading.config->certificates.empty());
}

TEST_CASE("each type of challenge has its keys") {
  CHECK(faults_of(with("", "*.example.org")) ==
        "f:4: `*.example.org` needs `challenge = dns-01`: no other proves a whole domain\n");
  CHECK(faults_of(with("challenge = dns-01\ndns = d")) ==
        "f:3: [certificate a] names the section `d`, but there is no [dns d]\n"
        "f:8: `opening` does not go with `challenge = dns-01`\n");
  CHECK(faults_of(with("challenge = tls-alpn-01\nwebroot = /w")) ==
        "f:7: `webroot` does not go with `challenge = tls-alpn-01`\nf:8: `opening` and `webroot` exclude "
        "each other\n");
  CHECK(faults_of(with("challenge = tls-alpn-01")).empty());
  const std::string dns =
      "[ca le]\ndirectory = https://a/\n[certificate a]\nnames = a.example *.a.example\nca = le\n"
      "challenge = dns-01\ndns = d\n[dns d]\n";
  const auto reading =
      read_config(dns +
                      "provider = rfc2136\nserver = 192.0.2.1\nzone = example.org\nkey name = k\n"
                      "key file = /k\nwait = 5\n",
                  "f");
  REQUIRE(reading.config);
  CHECK(reading.config->dns("d")->server == "192.0.2.1");
  CHECK(reading.config->dns("d")->wait == 5);
  CHECK(reading.config->certificate("a")->dns == "d");
  const auto command = read_config(dns + "provider = command\nadd = /bin/x add\nremove = /bin/x\n", "f");
  REQUIRE(command.config);
  CHECK(command.config->dns("d")->add == std::vector<std::string>{"/bin/x", "add"});
  CHECK(faults_of("[dns d]\nprovider = command\nadd = x\n") ==
        "f:1: `provider = command` needs a key `remove`\nf:3: `add` begins with an absolute path\n");
  CHECK(faults_of("[dns d]\nprovider = rfc2136\nserver = ns.example\nzone = e.org\nkey name = k\nkey file = "
                  "k\nalgorithm = x\n") ==
        "f:3: `server` is an IP address\nf:6: `key file` is an absolute path\n"
        "f:7: `algorithm` is hmac-sha256 or hmac-sha512\n");
  CHECK(faults_of("[dns d]\nprovider = paper\n") ==
        "f:2: `provider` is command, rfc2136, cloudflare or acme-dns\n");
  CHECK(faults_of("[dns d]\nprovider = acme-dns\naccount file = x\ntoken file = /x\n") ==
        "f:1: `provider = acme-dns` needs a key `api`\nf:3: `account file` is an absolute path\n"
        "f:4: `token file` does not go with `provider = acme-dns`\n");
  CHECK(faults_of("[dns d]\nprovider = cloudflare\ntoken file = /x\napi = http://x/\nzone = -\n") ==
        "f:4: `api` is an https:// URL\nf:5: `zone` is the name of a zone\n");
}

TEST_CASE("what is done besides: places to verify, commands, jitter and metrics") {
  const std::string start =
      "[ca le]\ndirectory = https://ca.test/dir\n[certificate a]\nnames = a.example\nca = le\nopening = h\n";
  const auto reading = read_config(
      "[worker]\njitter = 5m\nmetrics = /var/lib/prometheus/certlatch.prom\n" + start +
          "verify = a.example:443 [2001:db8::1]:25\nverify = imap://mail.example:1143 tls://x:587\n"
          "before = /usr/bin/systemctl 'stop it' now\ndeployed = /bin/x\n",
      "f");
  REQUIRE(reading.config);
  CHECK(reading.config->jitter == 300);
  CHECK(reading.config->metrics == "/var/lib/prometheus/certlatch.prom");
  const auto& certificate = reading.config->certificates.at(0);
  CHECK(certificate.verify ==
        std::vector<Endpoint>{{"a.example:443", "a.example", 443, Greeting::none},
                              {"[2001:db8::1]:25", "2001:db8::1", 25, Greeting::smtp},
                              {"imap://mail.example:1143", "mail.example", 1143, Greeting::imap},
                              {"tls://x:587", "x", 587, Greeting::none}});
  CHECK(certificate.before == HookCommand{"/usr/bin/systemctl", "stop it", "now"});
  CHECK(certificate.deployed == HookCommand{"/bin/x"});
  CHECK(certificate.after.empty());
  for (const char* wrong : {"verify = a.example", "verify = a.example:0", "verify = :443",
                            "verify = http://a:1", "verify = 2001:db8::1:25", "verify = a:99999",
                            "after = nginx -s reload", "deployed = /bin/x 'open"}) {
    CAPTURE(wrong);
    CHECK(read_config(start + wrong + "\n", "f").faults.size() == 1);
  }
  CHECK(read_config("[worker]\njitter = 5\n", "f").faults.size() == 1);
  CHECK(read_config("[worker]\njitter = 25h\n", "f").faults.size() == 1);
  CHECK(read_config("[worker]\nmetrics = here\n", "f").faults.size() == 1);
}
