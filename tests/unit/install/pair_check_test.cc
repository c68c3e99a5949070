// SPDX-License-Identifier: MIT
#include "broker/inspector/pair_check.h"

#include <ctime>

#include "policy/decision.h"
#include "tests/unit/install/test_pair.h"

using namespace certlatch;
using namespace certlatch::test;

namespace {

/// One root and one intermediate serve all cases.
struct Hierarchy {
  Issuer root = authority("Test Root");
  Issuer middle = authority("Test Intermediate", &root);
  Key key = ec_key();
  std::string tail = pem_of(middle.certificate);

  [[nodiscard]] std::string chain(const Wish& wish, const Key& leaf_key) const {
    return pem_of(certificate(leaf_key, wish, &middle)) + tail;
  }
  [[nodiscard]] std::string chain(const Wish& wish = {}) const { return chain(wish, key); }
};

Result<Verdict> check(const std::string& chain, const std::string& key, X509_STORE* trust = nullptr) {
  return check_pair(chain, key, trust, std::time(nullptr));
}

Result<TrustStore> trust_of(const std::string& pem) {
  return read_trust(Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))));
}

void check_refused(const Result<Verdict>& verdict, const std::string& part) {
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().kind == Error::Kind::refused);
  INFO(verdict.error().message);
  CHECK(verdict.error().message.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE_FIXTURE(Hierarchy, "a good pair is accepted with its names, dates and the leaf's length") {
  const std::string leaf =
      pem_of(certificate(key,
                         {.subject = "Example.ORG",
                          .alternative = "DNS:Example.ORG,DNS:*.example.org,IP:192.0.2.1,IP:2001:db8::1"},
                         &middle));
  const auto now = std::time(nullptr);
  const auto verdict = check(leaf + tail, pem_of(key));
  REQUIRE_MESSAGE(verdict, verdict.error().message);
  CHECK(verdict->names ==
        std::vector<std::string>{"Example.ORG", "*.example.org", "192.0.2.1", "2001:db8::1", "Example.ORG"});
  CHECK(verdict->leaf_bytes == leaf.size());
  CHECK(std::abs(verdict->not_after - (now + 90 * 86400)) <= 2);
}

TEST_CASE_FIXTURE(Hierarchy,
                  "every kind of key that servers use is accepted, in every form it is written in") {
  for (const auto& each : {ec_key("P-256"), ec_key("P-384"), ec_key("P-521"), rsa_key(2048), ed25519_key()}) {
    CHECK(check(chain({}, each), pem_of(each)));
    if (EVP_PKEY_get_base_id(each.get()) != EVP_PKEY_ED25519)
      CHECK(check(chain({}, each), traditional_pem_of(each)));
  }
}

TEST_CASE_FIXTURE(Hierarchy, "weak and unusual keys are refused") {
  const auto weak = rsa_key(1024), odd = ec_key("secp256k1");
  check_refused(check(chain({}, weak), pem_of(weak)), "RSA of 1024 bits");
  check_refused(check(chain({}, odd), pem_of(odd)), "curve other than");
  check_refused(check(chain(), pem_of(dsa_like_key())), "none of RSA, ECDSA and Ed25519");
}

TEST_CASE_FIXTURE(Hierarchy, "a key that does not belong to the leaf is refused") {
  check_refused(check(chain(), pem_of(ec_key())), "does not belong");
  check_refused(check(chain(), pem_of(rsa_key())), "does not belong");
}

TEST_CASE_FIXTURE(Hierarchy, "the key file holds exactly one key that is not encrypted") {
  check_refused(check(chain(), ""), "empty");
  check_refused(check(chain(), encrypted_pem_of(key)), "encrypted");
  check_refused(check(chain(), old_encrypted_pem_of(key)), "encrypted keys are");
  check_refused(check(chain(), pem_of(key) + pem_of(key)), "other than one private key");
  check_refused(check(chain(), pem_of(key) + tail), "other than one private key");
  check_refused(check(chain(), tail), "other than one private key");
  check_refused(check(chain(), "here it is\n" + pem_of(key)), "text outside");
  check_refused(check(chain(), pem_of(key) + "there it was\n"), "other than one private key");
}

TEST_CASE_FIXTURE(Hierarchy, "the chain holds certificates and nothing else") {
  check_refused(check("", pem_of(key)), "empty");
  check_refused(check("\n \n", pem_of(key)), "empty");
  check_refused(check(chain() + pem_of(key), pem_of(key)), "other than certificates");
  check_refused(check("subject=example.org\n" + chain(), pem_of(key)), "text outside");
  check_refused(check(chain() + "x", pem_of(key)), "text outside");
  check_refused(check(" " + chain(), pem_of(key)), "text outside");
  auto cut = chain();
  cut.resize(cut.size() - 30);
  check_refused(check(cut, pem_of(key)), "middle of a PEM block");
  auto damaged = chain();
  damaged[100] = '!';
  check_refused(check(damaged, pem_of(key)), "not base64");
  damaged[100] = '\0';
  check_refused(check(damaged, pem_of(key)), "not base64");
  auto unfolded = chain();
  unfolded.erase(unfolded.find('\n', 30), 1);
  check_refused(check(unfolded, pem_of(key)), "64 characters");
  auto run_on = chain();
  run_on.erase(run_on.find('\n'), 1);
  check_refused(check(run_on, pem_of(key)), "text behind");
  auto other = chain();
  other[60] = other[60] == 'A' ? 'B' : 'A';
  check_refused(check(other, pem_of(key)), "");
}

TEST_CASE_FIXTURE(Hierarchy,
                  "line ends may be those of another system, and blank lines may stand between blocks") {
  std::string text;
  for (const char c : chain()) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(check(text, pem_of(key)));
  CHECK(check(pem_of(certificate(key, {}, &middle)) + "\n\n" + tail + "\n", pem_of(key)));
  auto unended = chain();
  unended.pop_back();
  CHECK(check(unended, pem_of(key)));
}

TEST_CASE_FIXTURE(Hierarchy, "a chain whose links do not hold is refused") {
  const auto leaf = pem_of(certificate(key, {}, &middle));
  const auto stranger = authority("Test Intermediate");  // the same name, another key
  check_refused(check(leaf + pem_of(root.certificate), pem_of(key)),
                "certificate 1 of the chain: unable to get");
  check_refused(check(leaf + pem_of(stranger.certificate), pem_of(key)), "certificate 1 of the chain: ");
  check_refused(check(leaf + pem_of(root.certificate) + tail, pem_of(key)),
                "certificate 1 of the chain was not");
  check_refused(check(leaf + tail + pem_of(root.certificate) + tail, pem_of(key)), "certificate ");
  check_refused(check(pem_of(middle.certificate) + leaf, pem_of(key)), "CA's own");
  const Issuer no_authority{key, certificate(key, {.subject = "leaf"}, &middle)};
  const auto below = ec_key();
  check_refused(check(pem_of(certificate(below, {}, &no_authority)) + pem_of(no_authority.certificate) + tail,
                      pem_of(below)),
                "self-signed");  // its issuer bears the same name
  check_refused(check(pem_of(certificate(below, {.subject = "example.org"}, &no_authority)) +
                          pem_of(no_authority.certificate) + tail,
                      pem_of(below)),
                "certificate 2 of the chain: invalid CA certificate");
  CHECK(check(leaf + tail + pem_of(root.certificate), pem_of(key)));
}

TEST_CASE_FIXTURE(Hierarchy, "ten certificates may follow the leaf, eleven or a hundred may not") {
  std::vector<Issuer> authorities{root};
  std::string above = pem_of(root.certificate);
  while (authorities.size() < 10) {
    authorities.push_back(authority(fmt::format("Test CA {}", authorities.size()), &authorities.back()));
    above.insert(0, pem_of(authorities.back().certificate));
  }
  CHECK(check(pem_of(certificate(key, {}, &authorities.back())) + above, pem_of(key)));
  const auto eleventh = authority("Test CA 10", &authorities.back());
  check_refused(
      check(pem_of(certificate(key, {}, &eleventh)) + pem_of(eleventh.certificate) + above, pem_of(key)),
      "more than 10");
  auto many = chain();
  for (int i = 0; i < 100; ++i) many += tail;
  check_refused(check(many, pem_of(key)), "more than 10");
}

TEST_CASE_FIXTURE(Hierarchy, "a CA's own certificate and a self-signed one are refused as leaf") {
  check_refused(check(chain({.constraints = "critical,CA:TRUE"}), pem_of(key)), "CA's own");
  check_refused(check(pem_of(certificate(key, {})), pem_of(key)), "self-signed");
}

TEST_CASE_FIXTURE(Hierarchy, "dates must hold now, with five minutes for a clock that is ahead") {
  check_refused(check(chain({.until = -10}), pem_of(key)),
                "certificate 1 of the chain: certificate has expired; is this host's clock right?");
  check_refused(check(chain({.from = 400}), pem_of(key)),
                "certificate 1 of the chain: certificate is not yet valid; is this host's clock right?");
  CHECK(check(chain({.from = 200}), pem_of(key)));
  for (const Wish& wish : {Wish{.until = -10}, Wish{.from = 400}}) {
    const auto old = authority("Test Old", &root, wish);
    check_refused(check(pem_of(certificate(key, {}, &old)) + pem_of(old.certificate), pem_of(key)),
                  "certificate 2");
  }
}

TEST_CASE_FIXTURE(Hierarchy, "names other than host names and addresses are refused") {
  check_refused(check(chain({.alternative = ""}), pem_of(key)), "has 0 subject alternative names");
  for (const char* other : {"DNS:leaf,email:root@example.org", "DNS:leaf,URI:https://example.org/",
                            "DNS:leaf,RID:1.2.3.4", "DNS:leaf,otherName:1.2.3.4;UTF8:x"})
    check_refused(check(chain({.alternative = other}), pem_of(key)), "neither a host name nor an address");
  const auto common = check(chain({.subject = "evil.example"}), pem_of(key));
  REQUIRE(common);
  CHECK(common->names.back() == "evil.example");
}

TEST_CASE_FIXTURE(Hierarchy, "names come as their bytes, which no policy covers when no host name has them") {
  using namespace std::string_literals;
  for (const auto& raw :
       {"leaf\0.evil.example"s, "leaf\n"s, "le af"s, "leaf\x1b[2J"s, "\xc3\xa4"s, "leaf/"s}) {
    const auto verdict = check(chain({.subject = "", .raw_dns_name = raw}), pem_of(key));
    REQUIRE(verdict);
    CHECK(verdict->names == std::vector{raw});
    CHECK_FALSE(covers("leaf", raw));
    CHECK_FALSE(covers("*.evil.example", raw));
  }
  check_refused(check(chain({.subject = "", .raw_dns_name = std::string(254, 'a')}), pem_of(key)),
                "too long");
  CHECK(check(chain({.subject = "", .raw_dns_name = std::string(253, 'a')}), pem_of(key)));
}

TEST_CASE_FIXTURE(Hierarchy, "a hundred names are accepted, one more is not") {
  std::string names = "DNS:leaf";
  for (int i = 1; i < 100; ++i) names += fmt::format(",DNS:n{}.example.org", i);
  const auto verdict = check(chain({.alternative = names}), pem_of(key));
  REQUIRE(verdict);
  CHECK(verdict->names.size() == 101);
  check_refused(check(chain({.alternative = names + ",DNS:n100.example.org"}), pem_of(key)),
                "101 subject alternative names");
}

TEST_CASE_FIXTURE(Hierarchy, "where there is a trust file the chain must lead to it") {
  const auto ours = trust_of("A comment\n" + pem_of(root.certificate));
  const auto intermediate = trust_of(pem_of(middle.certificate));
  const auto foreign = trust_of(pem_of(authority("Test Root").certificate));
  REQUIRE((ours && intermediate && foreign));
  CHECK(check(chain(), pem_of(key), ours->get()));
  CHECK(check(chain({.from = 200}), pem_of(key), ours->get()));
  CHECK(check(chain(), pem_of(key), intermediate->get()));
  check_refused(check(chain(), pem_of(key), foreign->get()), "does not lead to");
  check_refused(check(pem_of(certificate(key, {}, &middle)), pem_of(key), ours->get()), "does not lead to");
  CHECK_FALSE(trust_of(""));
  CHECK_FALSE(trust_of("no certificate\n"));
  CHECK_FALSE(
      trust_of(pem_of(root.certificate) + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

TEST_CASE_FIXTURE(Hierarchy, "no damaged byte is more than a refusal") {
  const auto whole = chain();
  for (std::size_t i = 0; i < whole.size(); i += 7) {
    auto damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x01);
    const auto verdict = check(damaged, pem_of(key));
    if (verdict) CHECK(verdict->names.size() == 3);
  }
}
