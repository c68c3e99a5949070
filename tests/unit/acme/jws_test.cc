// SPDX-License-Identifier: MIT
#include "worker/keeper/jws.h"

#include <doctest/doctest.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <sodium.h>

#include <nlohmann/json.hpp>

#include "worker/keeper/private_key.h"

using namespace certlatch;

namespace {

std::string decoded(const std::string& base64url_text) {
  std::string bytes(base64url_text.size(), '\0');
  std::size_t size = 0;
  REQUIRE(sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                            base64url_text.data(), base64url_text.size(), nullptr, &size, nullptr,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0);
  bytes.resize(size);
  return bytes;
}

BigNumber number(std::string_view bytes) {
  return BigNumber(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                             static_cast<int>(bytes.size()), nullptr));
}

/// OpenSSL's own opinion of a JWS signature.
bool verifies(const PrivateKey& key, const EVP_MD* digest, int coordinate_bytes, const std::string& text,
              std::string signature) {
  if (coordinate_bytes > 0) {
    REQUIRE(signature.size() == 2 * static_cast<std::size_t>(coordinate_bytes));
    const EcdsaSignature parts(ECDSA_SIG_new());
    const auto half = static_cast<std::size_t>(coordinate_bytes);
    ECDSA_SIG_set0(parts.get(), number(signature.substr(0, half)).release(),
                   number(signature.substr(half)).release());
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(parts.get(), &der);
    signature.assign(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
  }
  const DigestContext context(EVP_MD_CTX_new());
  REQUIRE(EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.get()) == 1);
  const bool good = EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                                     signature.size(), reinterpret_cast<const unsigned char*>(text.data()),
                                     text.size()) == 1;
  ERR_clear_error();
  return good;
}

PrivateKey rsa_public_key(const std::string& n, unsigned e) {
  const std::unique_ptr<OSSL_PARAM_BLD, OpensslDeleter<OSSL_PARAM_BLD_free>> build(OSSL_PARAM_BLD_new());
  const BigNumber modulus = number(decoded(n));
  OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_uint(build.get(), OSSL_PKEY_PARAM_RSA_E, e);
  const std::unique_ptr<OSSL_PARAM, OpensslDeleter<OSSL_PARAM_free>> parameters(
      OSSL_PARAM_BLD_to_param(build.get()));
  const std::unique_ptr<EVP_PKEY_CTX, OpensslDeleter<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  REQUIRE(EVP_PKEY_fromdata_init(context.get()) == 1);
  REQUIRE(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1);
  return PrivateKey(key);
}

}  // namespace

TEST_CASE("a JWS verifies with OpenSSL for every type of key") {
  struct Expectation {
    KeyType type;
    std::string algorithm;
    const EVP_MD* digest;
    int coordinate_bytes;
  };
  const std::vector<Expectation> expectations{
      {KeyType::ecdsa_p256, "ES256", EVP_sha256(), 32}, {KeyType::ecdsa_p384, "ES384", EVP_sha384(), 48},
      {KeyType::ed25519, "EdDSA", nullptr, 0},          {KeyType::rsa_2048, "RS256", EVP_sha256(), 0},
      {KeyType::rsa_3072, "RS256", EVP_sha256(), 0},    {KeyType::rsa_4096, "RS256", EVP_sha256(), 0}};
  for (const auto& expected : expectations) {
    CAPTURE(expected.algorithm);
    const auto key = make_private_key(expected.type);
    REQUIRE(key);
    CHECK(type_of(*key) == expected.type);
    // Short r and s are rare: with enough signatures one without its leading zeros would show.
    for (int i = 0; i < (expected.coordinate_bytes > 0 ? 300 : 1); ++i) {
      const auto jws =
          sign_jws(*key, {"https://ca.test/order", "nonce", "https://ca.test/account/1"}, R"({"a":1})");
      REQUIRE(jws);
      const auto json = nlohmann::json::parse(*jws);
      const auto header = nlohmann::json::parse(decoded(json["protected"]));
      CHECK(header == nlohmann::json{{"alg", expected.algorithm},
                                     {"kid", "https://ca.test/account/1"},
                                     {"nonce", "nonce"},
                                     {"url", "https://ca.test/order"}});
      CHECK(decoded(json["payload"]) == R"({"a":1})");
      const std::string text =
          json["protected"].get<std::string>() + "." + json["payload"].get<std::string>();
      const std::string signature = decoded(json["signature"]);
      CHECK(verifies(*key, expected.digest, expected.coordinate_bytes, text, signature));
      CHECK_FALSE(verifies(*key, expected.digest, expected.coordinate_bytes, text + "x", signature));
    }
  }
}

TEST_CASE("without an account the header carries the public key") {
  for (const auto type : {KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::ed25519, KeyType::rsa_2048}) {
    const auto key = make_private_key(type);
    REQUIRE(key);
    const auto jws = sign_jws(*key, {"https://ca.test/x", "nonce", ""}, "{}");
    REQUIRE(jws);
    const auto header = nlohmann::json::parse(decoded(nlohmann::json::parse(*jws)["protected"]));
    CHECK(header["jwk"] == nlohmann::json::parse(*jwk_of(*key)));
    CHECK_FALSE(header.contains("kid"));
  }
}

TEST_CASE("POST-as-GET has an empty payload, not an empty object") {
  const auto key = make_private_key(KeyType::ecdsa_p256);
  const auto jws = sign_jws(*key, {"https://ca.test/x", "nonce", "kid"}, "");
  REQUIRE(jws);
  CHECK(nlohmann::json::parse(*jws)["payload"] == "");
}

TEST_CASE("the thumbprint is that of RFC 7638, section 3.1") {
  const auto key = rsa_public_key(
      "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
      "BJECPebWKRXjBZCiFV4n3"
      "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
      "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
      "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-"
      "csFCur-"
      "kEgU8awapJzKnqDKgw",
      65537);
  CHECK(*thumbprint_of(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

TEST_CASE("the thumbprint is that of RFC 8037, appendix A.3") {
  const std::string x = decoded("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
  const PrivateKey key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(x.data()), x.size()));
  CHECK(*thumbprint_of(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST_CASE("nothing that could break out of the header's JSON is signed") {
  const auto key = make_private_key(KeyType::ecdsa_p256);
  CHECK_FALSE(sign_jws(*key, {"https://ca.test/\",\"b64\":false,\"x\":\"", "nonce", "kid"}, ""));
  CHECK_FALSE(sign_jws(*key, {"https://ca.test/", "no\\nce", "kid"}, ""));
  CHECK_FALSE(sign_jws(*key, {"https://ca.test/", "nonce", "k\nid"}, ""));
  CHECK_FALSE(sign_jws(*key, {"", "nonce", "kid"}, ""));
}
