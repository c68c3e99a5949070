// SPDX-License-Identifier: MIT
// Account keys: bound to a customer's, encrypted, followed by another, brought out and in.
#include <fmt/format.h>
#include <sodium.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/acme/open_keeper.h"
#include "worker/keeper/private_key.h"

using namespace certlatch;

namespace {

constexpr std::string_view kUrl = "https://ca.test/x";

/// One member of the protected header, or of the payload, of a JWS.
std::string part_of(const std::string& jws, const char* part) {
  const auto at = jws.find(fmt::format("\"{}\":\"", part)) + std::string_view(part).size() + 4;
  const auto text = jws.substr(at, jws.find('"', at) - at);
  std::string bytes(text.size(), '\0');
  std::size_t size = 0;
  REQUIRE(sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                            text.size(), nullptr, &size, nullptr,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0);
  bytes.resize(size);
  return bytes;
}

std::string signed_by(const Keeper& keeper, const SignatureOrder& order) {
  const auto answer = keeper.answer(order);
  if (const auto* failed = std::get_if<KeeperFailed>(&answer)) return failed->sentence;
  return std::get<Signed>(answer).jws;
}

template <class Wanted>
Wanted answered(Keeper& keeper, const KeeperOrder& order) {
  auto answer = keeper.answer(order);
  if (const auto* failed = std::get_if<KeeperFailed>(&answer)) FAIL(failed->sentence);
  REQUIRE(std::holds_alternative<Wanted>(answer));
  return std::get<Wanted>(std::move(answer));
}

std::string refusal(Keeper& keeper, const KeeperOrder& order) {
  const auto answer = keeper.answer(order);
  REQUIRE(std::holds_alternative<KeeperFailed>(answer));
  return std::get<KeeperFailed>(answer).sentence;
}

UseAccount use(KeyType type = KeyType::ecdsa_p256) { return {"ca", "https://ca.test", type}; }

void write_secret(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  std::filesystem::permissions(path, std::filesystem::perms(0600));
}

}  // namespace

TEST_CASE("an account is bound to the customer's key, which signs nothing else") {
  const TempDirectory temp;
  write_secret(temp / "eab", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W\n");
  auto keeper = opened(temp, {{"ca", temp / "eab", ""}});
  for (const auto& [mac, name] : {std::pair{MacType::hs256, "HS256"}, std::pair{MacType::hs384, "HS384"},
                                  std::pair{MacType::hs512, "HS512"}}) {
    auto order = use();
    order.eab_mac = mac;
    answered<AccountReady>(keeper, order);
    const auto jws = signed_by(keeper, BindAccount{"ca", std::string(kUrl), "kid-1"});
    CHECK(part_of(jws, "protected") ==
          fmt::format(R"({{"alg":"{}","kid":"kid-1","url":"https://ca.test/x"}})", name));
    CHECK(part_of(jws, "payload").starts_with(R"({"crv":"P-256","kty":"EC","x":")"));
  }
  CHECK(
      signed_by(keeper, BindAccount{"ca", "https://other.test/x", "kid-1"}).contains("only for URLs below"));
  CHECK(signed_by(keeper, BindAccount{"ca", std::string(kUrl), "kid\""}).contains("never signed"));
  auto without = opened(temp);
  answered<AccountReady>(without, use());
  CHECK(signed_by(without, BindAccount{"ca", std::string(kUrl), "kid-1"})
            .contains("no key for external account"));
}

TEST_CASE("a secret's file that cannot be used is named when its account is") {
  const TempDirectory temp;
  CHECK(
      refusal(*std::make_unique<Keeper>(opened(temp, {{"ca", temp / "none", ""}})), use()).contains("/none"));
  write_secret(temp / "eab", "not base64url!");
  auto odd = opened(temp, {{"ca", temp / "eab", ""}});
  CHECK(refusal(odd, use()).contains("it is not base64url"));
  std::filesystem::permissions(temp / "eab", std::filesystem::perms(0644));
  auto open_to_all = opened(temp, {{"ca", temp / "eab", ""}});
  CHECK(refusal(open_to_all, use()).contains("open to everyone (mode 0644)"));
}

TEST_CASE("an account's key is encrypted with the passphrase, also one that was there before") {
  const TempDirectory temp;
  auto plain = opened(temp);
  const auto thumbprint = answered<AccountReady>(plain, use()).thumbprint;
  write_secret(temp / "passphrase", "correct horse\n");
  auto encrypting = opened(temp, {{"ca", "", temp / "passphrase"}});
  CHECK(answered<AccountReady>(encrypting, use()).thumbprint == thumbprint);
  std::string text;
  std::getline(std::ifstream(temp / "accounts/ca/key.pem"), text);
  CHECK(text == "-----BEGIN ENCRYPTED PRIVATE KEY-----");
  auto again = opened(temp, {{"ca", "", temp / "passphrase"}});
  CHECK(answered<AccountReady>(again, use()).thumbprint == thumbprint);
  auto without = opened(temp);
  CHECK(refusal(without, use()).contains("`account passphrase` in section [ca ca]"));
  write_secret(temp / "passphrase", "wrong");
  auto wrong = opened(temp, {{"ca", "", temp / "passphrase"}});
  CHECK(refusal(wrong, use()).contains("the passphrase does not open the private key"));
}

TEST_CASE("every type of account key goes out and in again, in both forms") {
  for (const auto type : {KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::ed25519, KeyType::rsa_2048}) {
    const TempDirectory temp;
    auto keeper = opened(temp);
    const auto thumbprint = answered<AccountReady>(keeper, use(type)).thumbprint;
    for (const auto form : {KeyForm::pem, KeyForm::jwk}) {
      CAPTURE(static_cast<int>(type));
      auto key = answered<KeyTaken>(keeper, ExportAccount{"ca", form}).key;
      CHECK(key.text().starts_with(form == KeyForm::pem ? "-----BEGIN PRIVATE KEY" : "{\"kty\":"));
      const TempDirectory other;
      auto second = opened(other);
      CHECK(answered<AccountReady>(second, ImportAccount{"ca", Secret::copy_of(key.text())}).thumbprint ==
            thumbprint);
      CHECK(answered<AccountReady>(second, use()).thumbprint == thumbprint);
      CHECK_FALSE(answered<AccountReady>(second, ImportAccount{"ca", Secret::copy_of(key.text())}).is_new);
      const TempDirectory third;
      auto another = opened(third);
      answered<AccountReady>(another, use(type));
      CHECK(refusal(another, ImportAccount{"ca", std::move(key)}).contains("is there already"));
    }
  }
}

TEST_CASE("what is no key is not imported") {
  const TempDirectory temp;
  auto keeper = opened(temp);
  auto other = opened(temp);
  answered<AccountReady>(other, UseAccount{"other", "https://ca.test"});
  auto jwk = answered<KeyTaken>(other, ExportAccount{"other", KeyForm::jwk}).key;
  std::string unfit(jwk.text());
  const auto x = unfit.find("\"x\":\"") + 5;
  unfit[x] = unfit[x] == 'A' ? 'B' : 'A';
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("{}"), std::string(R"({"kty":"EC"})"),
        std::string(R"({"kty":"oct","k":"AAAA"})"),
        std::string(R"({"kty":"RSA","n":"AQAB","e":"AQAB","d":"A"})"),
        std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), unfit,
        std::string(R"({"kty":"OKP","crv":"Ed25519","d":"AAAA"})"), std::string(1000, '{')}) {
    CAPTURE(text);
    CHECK_FALSE(refusal(keeper, ImportAccount{"ca", Secret::copy_of(text)}).empty());
  }
  CHECK(refusal(keeper, ExportAccount{"ca"}).contains("there is no account key"));
}

TEST_CASE("an account that must have a key is not given one") {
  const TempDirectory temp;
  auto keeper = opened(temp);
  auto existing = use();
  existing.must_exist = true;
  CHECK(refusal(keeper, existing) == "there is no account key " + (temp / "accounts/ca/key.pem"));
  CHECK_FALSE(std::filesystem::exists(temp / "accounts/ca"));
  answered<AccountReady>(keeper, use());
  CHECK_FALSE(answered<AccountReady>(keeper, existing).is_new);
}

TEST_CASE("a certificate's key, kept or given, signs in the place of its CA's account, and only its own") {
  const TempDirectory temp;
  write_secret(temp / "eab", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W\n");
  auto keeper = opened(temp, {{"ca", temp / "eab", ""}});
  answered<RequestReady>(keeper, MakeRequest{"a", {"example.org"}});
  const auto pem = answered<KeyTaken>(keeper, TakeKey{"a"}).key;
  const auto public_key = public_key_of(*private_key_from(pem));
  const auto by = [&](Secret key, std::string of) {
    return UseCertificateKey{"ca", "https://ca.test", "a", std::move(key), std::move(of)};
  };
  SignJws revocation{.ca = "ca",
                     .url = std::string(kUrl),
                     .nonce = "n",
                     .kid = "",
                     .payload = "{}",
                     .key = SigningKey::certificate};
  CHECK(signed_by(keeper, revocation) == "no account of that CA is in use");
  CHECK(refusal(keeper, by({}, "another")) == "the private key is not that of the certificate");
  CHECK(signed_by(keeper, revocation) == "no account of that CA is in use");
  SUBCASE("kept") { answered<KeeperDone>(keeper, by({}, public_key)); }
  SUBCASE("given") {
    answered<KeeperDone>(keeper, ForgetKey{"a"});
    CHECK(refusal(keeper, by({}, public_key)).contains("--key FILE"));
    answered<KeeperDone>(keeper, by(Secret::copy_of(pem.text()), public_key));
  }
  CHECK(signed_by(keeper, revocation).starts_with("{"));
  revocation.url = "https://other.test/x";
  CHECK(signed_by(keeper, revocation).contains("only for URLs below https://ca.test/"));
  // There is no account, and none is made up.
  revocation.url = kUrl;
  revocation.key = SigningKey::account;
  CHECK(signed_by(keeper, revocation) == "that key is not in use");
  CHECK(signed_by(keeper, BindAccount{"ca", std::string(kUrl), "kid"}) == "that key is not in use");
  CHECK(refusal(keeper, UseNextKey{"ca"}) == "no account of that CA is in use");
  CHECK_FALSE(std::filesystem::exists(temp / "accounts/ca"));
}

TEST_CASE("the next key of an account signs for it, survives an interruption, and takes its place") {
  const TempDirectory temp;
  auto keeper = opened(temp);
  const auto old_thumbprint = answered<AccountReady>(keeper, use()).thumbprint;
  CHECK(
      signed_by(keeper, SignKeyChange{"ca", std::string(kUrl), "https://ca.test/1"}).contains("no next key"));
  const auto next = answered<AccountReady>(keeper, UseNextKey{"ca", KeyType::ecdsa_p384});
  CHECK(next.is_new);
  const auto inner = signed_by(keeper, SignKeyChange{"ca", std::string(kUrl), "https://ca.test/1"});
  CHECK(part_of(inner, "protected").starts_with(R"({"alg":"ES384","jwk":{"crv":"P-384")"));
  CHECK(part_of(inner, "payload").starts_with(R"({"account":"https://ca.test/1","oldKey":{"crv":"P-256")"));
  CHECK(signed_by(keeper, SignKeyChange{"ca", std::string(kUrl), "https://evil.test/1"})
            .contains("another origin"));
  CHECK(signed_by(keeper, SignKeyChange{"ca", std::string(kUrl), "https://ca.test/\""})
            .contains("never signed"));

  auto later = opened(temp);
  const auto account = answered<AccountReady>(later, use());
  CHECK(account.has_next);
  CHECK(account.thumbprint == old_thumbprint);
  const auto again = answered<AccountReady>(later, UseNextKey{"ca", KeyType::ecdsa_p256});
  CHECK_FALSE(again.is_new);
  CHECK(again.thumbprint == next.thumbprint);
  answered<KeeperDone>(later, AdoptNextKey{"ca"});
  auto last = opened(temp);
  const auto settled = answered<AccountReady>(last, use());
  CHECK(settled.thumbprint == next.thumbprint);
  CHECK_FALSE(settled.has_next);
}

TEST_CASE("a trial's keys are never stored") {
  const TempDirectory temp;
  auto keeper = opened(temp);
  auto order = use();
  order.is_trial = true;
  const auto first = answered<AccountReady>(keeper, order);
  CHECK(answered<AccountReady>(keeper, order).thumbprint != first.thumbprint);
  answered<RequestReady>(keeper, MakeRequest{"a", {"a.test"}, KeyType::ecdsa_p256, true, true});
  CHECK(std::filesystem::is_empty(temp / "accounts"));
  CHECK(std::filesystem::is_empty(temp / "certificates"));
}

TEST_CASE("a certificate's key is taken over when it is the certificate's") {
  for (const auto type : {KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::rsa_2048}) {
    const TempDirectory temp;
    auto keeper = opened(temp);
    const auto key = make_private_key(type);
    REQUIRE(key);
    const auto pem = pem_of(*key);
    REQUIRE(pem);
    const auto order = [&](const std::string& public_key, bool is_trial) {
      return ImportKey{"a", Secret::copy_of(pem->text()), public_key, is_trial};
    };
    CHECK(answered<KeyImported>(keeper, order(public_key_of(*key), true)).type == type);
    CHECK(std::filesystem::is_empty(temp / "certificates"));
    CHECK(refusal(keeper, order("another", false)).contains("is not that of the certificate"));
    CHECK(std::filesystem::is_empty(temp / "certificates"));
    CHECK(answered<KeyImported>(keeper, order(public_key_of(*key), false)).type == type);
    CHECK(answered<KeyTaken>(keeper, TakeKey{"a"}).key.text() == pem->text());
  }
}
