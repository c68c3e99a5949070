// SPDX-License-Identifier: MIT
// What certbot's files mean, and how they are proposed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "policy/ini_file.h"
#include "worker/import/proposal.h"

namespace certlatch {
namespace {

constexpr std::string_view kRenewal = R"(# renew_before_expiry = 30 days
version = 2.1.0
archive_dir = /etc/letsencrypt/archive/example.org

# Options used in the renewal process
[renewalparams]
account = 0123456789abcdef
authenticator = webroot
webroot_path = /var/www/html,
server = https://acme-v02.api.letsencrypt.org/directory
key_type = rsa
rsa_key_size = 3072
reuse_key = True
renew_hook = systemctl reload nginx && systemctl restart "postfix"
post_hook = '''echo done
logger done'''
[[webroot_map]]
example.org = /var/www/html/
www.example.org = /var/www/html
)";

CertbotRenewal read(std::string_view text, std::string_view defaults = "") {
  auto renewal = read_certbot_renewal(text, defaults);
  REQUIRE_MESSAGE(renewal, (renewal ? "" : renewal.error().message));
  return *renewal;
}

Config configured(std::string_view text = "") {
  auto reading = read_config(text, "certlatch.conf");
  REQUIRE(reading.config);
  return *reading.config;
}

Proposal proposed(const CertbotRenewal& renewal, const Config& config = {}) {
  const CertbotCertificate certificate{
      "example.org", {"example.org", "www.example.org"}, KeyType::rsa_3072, renewal};
  return propose(config, "/etc/letsencrypt", {certificate},
                 {{renewal.server, ca_name_for(config, renewal.server, {}), {"admin@example.org"}}}, {});
}

bool says(const Proposal& proposal, std::string_view text) {
  for (const auto& remark : proposal.remarks)
    if (remark.contains(text)) return true;
  return false;
}

}  // namespace

TEST_CASE("host names keep their dashes, keys do not") {
  const auto text =
      read_certbot_text("[renewalparams]\nkey-type = rsa\n[[webroot_map]]\nmy-host.example.org = /srv\n");
  REQUIRE(text);
  CHECK(text->sections.at("renewalparams").contains("key_type"));
  CHECK(text->sections.at("webroot_map").contains("my-host.example.org"));
}

TEST_CASE("a renewal's settings are read") {
  const auto renewal = read(kRenewal, "deploy-hook = logger\npre-hook = true\n");
  CHECK(renewal.server == "https://acme-v02.api.letsencrypt.org/directory");
  CHECK(renewal.account == "0123456789abcdef");
  CHECK(renewal.authenticator == "webroot");
  CHECK(renewal.webroots == std::vector<std::string>{"/var/www/html"});
  CHECK(renewal.rsa_key_size == "3072");
  CHECK(renewal.reuse_key);
  CHECK(renewal.is_renewed);
  CHECK(renewal.deploy_hook == R"(systemctl reload nginx && systemctl restart "postfix")");
  CHECK(renewal.post_hook == "echo done\nlogger done");
  CHECK(renewal.pre_hook == "true");
  CHECK(read("[renewalparams]\nserver = https://ca.test/\nautorenew = False\nrenew_hook = None\n",
             "deploy-hook = a, b\n")
            .deploy_hook == "a, b");
}

TEST_CASE("what is no renewal configuration is refused with its line") {
  for (const std::string_view text :
       {"[renewalparams\n", "nonsense\n", "a = \"b\n", "a = '''b\n", "a = \x01\n", "[]\n"}) {
    CAPTURE(text);
    CHECK_FALSE(read_certbot_renewal(text, ""));
  }
  CHECK(read_certbot_renewal("a = b\n", "").error().message.contains("which CA"));
  CHECK(read_certbot_renewal("a = b\n?\n", "").error().message == "line 2 is not understood");
}

TEST_CASE("an account's registration is believed as far as it is the CA's") {
  const auto read_one = [](std::string_view json) {
    return read_certbot_registration(json, "https://ca.test/dir");
  };
  const auto good = read_one(
      R"({"body":{"contact":["mailto:a@b.test","tel:1","mailto:a b@c"]},"uri":"https://ca.test/acct/1"})");
  CHECK(good.url == "https://ca.test/acct/1");
  CHECK(good.contact == std::vector<std::string>{"a@b.test"});
  for (const char* url :
       {"https://evil.test/acct/1", "https://ca.test.evil/1", "http://ca.test/1", "https://ca.test/\\n1"})
    CHECK(read_one(std::string(R"({"uri":")") + url + "\"}").url.empty());
  for (const char* text : {"", "[]", "{", R"({"uri":1,"body":[]})", R"({"body":{"contact":{}}})"})
    CHECK(read_one(text).url.empty());
}

TEST_CASE("a hook that only touches services is understood, and no other") {
  using Actions = std::vector<ServiceAction>;
  CHECK(service_actions_of("systemctl reload nginx.service postfix") ==
        Actions{{"nginx", "reload"}, {"postfix", "reload"}});
  CHECK(service_actions_of("/usr/sbin/service apache2 restart; nginx -s reload") ==
        Actions{{"apache2", "restart"}, {"nginx", "reload"}});
  CHECK(service_actions_of("/etc/init.d/dovecot force-reload && systemctl stop haproxy") ==
        Actions{{"dovecot", "reload"}, {"haproxy", "stop"}});
  for (const char* command :
       {"", "true", "systemctl reload nginx | logger", "systemctl mask nginx",
        "service nginx reload > /dev/null", "systemctl reload $SERVICE", "systemctl reload ../x",
        "/usr/local/bin/deploy", "systemctl reload nginx; deploy"})
    CHECK_MESSAGE(!service_actions_of(command), command);
}

TEST_CASE("the proposal is a configuration") {
  auto renewal = read(kRenewal);
  renewal.deploy_hook = "systemctl reload nginx";
  const auto proposal = proposed(renewal);
  const auto config = configured(proposal.configuration);
  REQUIRE(config.certificates.size() == 1);
  const auto& certificate = config.certificates.front();
  CHECK(certificate.cas == std::vector<std::string>{"letsencrypt"});
  CHECK(certificate.webroot == "/var/www/html");
  CHECK(certificate.key == KeyType::rsa_3072);
  CHECK(certificate.reuse_key);
  CHECK(config.cas.front().contact == std::vector<std::string>{"admin@example.org"});
  CHECK(says(proposal, "install -d -o certlatch /var/www/html/.well-known/acme-challenge"));
  CHECK(says(proposal, "`echo done logger done` in a shell"));
  const auto policy = policy_sections(proposal.openings, proposal.installs, std::nullopt);
  CHECK(policy.contains("[install example.org]\nnames     = example.org www.example.org\n"));
  CHECK(policy.contains("services  = nginx\n"));
  CHECK(policy.contains("[service nginx]\nreload    = nginx.service\ncheck     = /usr/sbin/nginx -t\n"));
  CHECK_FALSE(policy.contains("[open"));
  // A second time there is nothing to add.
  CHECK(proposed(renewal, config).configuration.empty());
}

TEST_CASE("as many names as a certificate may have are proposed in lines that are read") {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i)
    names.push_back(fmt::format("a-host-with-rather-a-long-name-{}.example.org", i));
  const auto renewal = read(kRenewal);
  const CertbotCertificate certificate{"example.org", names, KeyType::rsa_3072, renewal};
  const std::vector<std::string> contact(5, "somebody.who.has.a.rather.long.address@example.org");
  const auto proposal =
      propose({}, "/etc/letsencrypt", {certificate}, {{renewal.server, "letsencrypt", contact}}, {});
  const auto config = configured(proposal.configuration);
  CHECK(config.certificates.front().names == names);
  CHECK(config.cas.front().contact == contact);
  auto installs = proposal.installs;
  for (int i = 0; i < 30; ++i) installs.front().services.push_back({fmt::format("service-{}", i)});
  const auto policy = read_ini(policy_sections({}, installs, std::nullopt), "policy.conf");
  CHECK(policy.faults.empty());
  CHECK(policy.sections.front().keys.size() > 50);
}

TEST_CASE("a plugin for the DNS becomes the provider that does the same, and no secret is read") {
  const auto with = [](std::string_view lines) {
    return proposed(
        read(std::string("[renewalparams]\nserver = https://ca.test/dir\n") + std::string(lines)));
  };
  const auto cloudflare =
      with("authenticator = dns-cloudflare\ndns_cloudflare_credentials = /root/.secrets/cf.ini\n");
  Config config = configured(cloudflare.configuration);
  const auto* dns = config.dns("cloudflare");
  REQUIRE(dns != nullptr);
  CHECK(dns->provider == DnsConfig::Provider::cloudflare);
  CHECK(dns->secret_file == "/etc/certlatch/cloudflare");
  CHECK(says(cloudflare, "dns_cloudflare_api_token"));
  CHECK(says(cloudflare,
             "/root/.secrets/cf.ini | sudo install -m 0400 -o certlatch /dev/stdin "
             "/etc/certlatch/cloudflare"));
  // What is pasted into a shell says nothing else to it.
  CHECK(says(with("authenticator = dns-cloudflare\ndns_cloudflare_credentials = /x;reboot\n"),
             "CREDENTIALS | sudo"));

  const auto update = with("authenticator = dns-rfc2136\ndns_rfc2136_credentials = /root/tsig.ini\n");
  config = configured(update.configuration);
  dns = config.dns("rfc2136");
  REQUIRE(dns != nullptr);
  CHECK(dns->provider == DnsConfig::Provider::rfc2136);
  CHECK(dns->zone == "example.org");
  CHECK(says(update, "dns_rfc2136_secret"));
  config = configured(with("authenticator = dns-acmedns\n").configuration);
  dns = config.dns("acmedns");
  REQUIRE(dns != nullptr);
  CHECK(dns->provider == DnsConfig::Provider::acme_dns);
}

TEST_CASE("each file of credentials has a section of its own") {
  const auto renewal = read(
      "[renewalparams]\nserver = https://ca.test/dir\nauthenticator = dns-cloudflare\n"
      "dns_cloudflare_credentials = /root/one\n");
  auto other = renewal;
  other.dns_credentials = "/root/two";
  const auto certificate = [](const std::string& name, const CertbotRenewal& of) {
    return CertbotCertificate{name, {name}, KeyType::ecdsa_p256, of};
  };
  const auto config = configured(
      propose({}, "/etc/letsencrypt",
              {certificate("a.test", renewal), certificate("b.test", other), certificate("c.test", renewal)},
              {{renewal.server, "ca", {}}}, {})
          .configuration);
  CHECK(config.dns_sections.size() == 2);
  CHECK(config.certificate("a.test")->dns == "cloudflare");
  CHECK(config.certificate("b.test")->dns == "cloudflare-2");
  CHECK(config.certificate("c.test")->dns == "cloudflare");
}

TEST_CASE("what certlatch has not is named with what to do") {
  const auto with = [](std::string_view lines) {
    return proposed(
        read(std::string("[renewalparams]\nserver = https://ca.test:14000/dir\n") + std::string(lines)));
  };
  CHECK(with("authenticator = standalone\n").configuration.contains("[ca ca.test-14000]"));
  CHECK(with("authenticator = standalone\n").configuration.contains("opening   = http"));
  CHECK_FALSE(with("authenticator = standalone\n").openings.front().is_shared);
  const auto nginx = with("authenticator = nginx\ninstaller = nginx\n");
  CHECK(nginx.openings.front().is_shared);
  CHECK(nginx.installs.front().services == std::vector<ProposedService>{{"nginx"}});
  const auto dns = with("authenticator = dns-route53\n");
  CHECK(says(dns, "`dns-route53`"));
  CHECK(says(dns, "programs of yours"));
  CHECK(configured(dns.configuration).certificates.front().challenge == ChallengeType::dns_01);
  CHECK(says(with("authenticator = webroot\n[[webroot_map]]\na = /a\nb = /b\n"), "webroots of their own"));
  CHECK(says(with("authenticator = something\n"), "`something` is not known"));
  CHECK(says(with("autorenew = False\nmust_staple = True\n"), "autorenew"));
  CHECK(says(with("authenticator = standalone\npre_hook = systemctl stop nginx\n"), "certbot stopped nginx"));
}

}  // namespace certlatch
