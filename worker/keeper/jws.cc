// SPDX-License-Identifier: MIT
#include "worker/keeper/jws.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <vector>

#include "worker/keeper/base64url.h"
#include "worker/keeper/private_key.h"

namespace certlatch {
namespace {

struct Algorithm {
  std::string_view name;        // RFC 7518, RFC 8037
  const EVP_MD* digest;         // none for EdDSA, which hashes by itself
  int coordinate_bytes = 0;     // of an elliptic curve's point
  std::string_view curve = {};  // "crv"
};

Algorithm algorithm_of(const PrivateKey& key) {
  switch (type_of(key)) {
    case KeyType::ecdsa_p256:
      return {"ES256", EVP_sha256(), 32, "P-256"};
    case KeyType::ecdsa_p384:
      return {"ES384", EVP_sha384(), 48, "P-384"};
    case KeyType::ed25519:
      return {"EdDSA", nullptr, 0, "Ed25519"};
    case KeyType::rsa_2048:
    case KeyType::rsa_3072:
    case KeyType::rsa_4096:
      break;
  }
  return {"RS256", EVP_sha256()};
}

/// A public number in base64url, of exactly `size` bytes, or as short as it can be for 0.
Result<std::string> public_number(const PrivateKey& key, const char* name, int size) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key.get(), name, &raw) != 1) return fail(openssl_error("read a public key"));
  const BigNumber number(raw);
  if (size == 0) size = BN_num_bytes(number.get());
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  if (BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()), size) != size)
    return fail(openssl_error("read a public key"));
  return base64url(bytes);
}

/// JWS wants r and s side by side (RFC 7518, section 3.4); OpenSSL makes a DER sequence of them.
Result<std::vector<std::byte>> side_by_side(const std::vector<std::byte>& der, int coordinate_bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const EcdsaSignature parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::vector<std::byte> raw(2 * static_cast<std::size_t>(coordinate_bytes));
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  if (!parsed || BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), out, coordinate_bytes) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), out + coordinate_bytes, coordinate_bytes) < 0)
    return fail(openssl_error("convert a signature"));
  return raw;
}

Result<std::vector<std::byte>> signature(const PrivateKey& key, const Algorithm& algorithm,
                                         std::string_view text) {
  const DigestContext context(EVP_MD_CTX_new());
  const auto* input = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, algorithm.digest, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, input, text.size()) != 1)
    return fail(openssl_error("sign"));
  std::vector<std::byte> bytes(size);
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size, input,
                     text.size()) != 1)
    return fail(openssl_error("sign"));
  bytes.resize(size);
  if (algorithm.coordinate_bytes > 0) return side_by_side(bytes, algorithm.coordinate_bytes);
  return bytes;
}

bool is_safe_in_json(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '\\'; });
}

/// The protected header and the payload, as they are signed. `jwk` is the member that stands in for a kid.
Result<std::string> signing_input(std::string_view algorithm, const JwsHeader& header, std::string_view jwk,
                                  std::string_view payload) {
  if (header.url.empty()) return fail(Error::invalid("a signature needs a URL"));
  if (!is_safe_in_json(header.url) || !is_safe_in_json(header.nonce) || !is_safe_in_json(header.kid))
    return fail(Error::invalid("the URL, the nonce or the account holds a character that is never signed"));
  const std::string identity = jwk.empty() ? fmt::format(R"("kid":"{}")", header.kid) : std::string(jwk);
  const std::string nonce = header.nonce.empty() ? "" : fmt::format(R"("nonce":"{}",)", header.nonce);
  return base64url(fmt::format(R"({{"alg":"{}",{},{}"url":"{}"}})", algorithm, identity, nonce, header.url)) +
         "." + base64url(payload);
}

std::string flattened(std::string_view input, const std::vector<std::byte>& signature_bytes) {
  const auto dot = input.find('.');
  return fmt::format(R"({{"protected":"{}","payload":"{}","signature":"{}"}})", input.substr(0, dot),
                     input.substr(dot + 1), base64url(signature_bytes));
}

}  // namespace

Result<std::string> jwk_of(const PrivateKey& key) {
  const Algorithm algorithm = algorithm_of(key);
  if (algorithm.name == "RS256") {
    const auto e = public_number(key, OSSL_PKEY_PARAM_RSA_E, 0);
    const auto n = public_number(key, OSSL_PKEY_PARAM_RSA_N, 0);
    if (!e || !n) return fail((e ? n : e).error());
    return fmt::format(R"({{"e":"{}","kty":"RSA","n":"{}"}})", *e, *n);
  }
  if (algorithm.name == "EdDSA") {
    std::array<std::byte, 32> x{};
    std::size_t size = x.size();
    if (EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(x.data()), &size) != 1)
      return fail(openssl_error("read a public key"));
    return fmt::format(R"({{"crv":"{}","kty":"OKP","x":"{}"}})", algorithm.curve, base64url(x));
  }
  const auto x = public_number(key, OSSL_PKEY_PARAM_EC_PUB_X, algorithm.coordinate_bytes);
  const auto y = public_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, algorithm.coordinate_bytes);
  if (!x || !y) return fail((x ? y : x).error());
  return fmt::format(R"({{"crv":"{}","kty":"EC","x":"{}","y":"{}"}})", algorithm.curve, *x, *y);
}

Result<std::string> thumbprint_of(const PrivateKey& key) {
  const auto jwk = jwk_of(key);
  if (!jwk) return fail(jwk.error());
  std::array<std::byte, 32> digest{};
  if (EVP_Digest(jwk->data(), jwk->size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
                 EVP_sha256(), nullptr) != 1)
    return fail(openssl_error("hash a public key"));
  return base64url(digest);
}

Result<std::string> sign_jws(const PrivateKey& key, const JwsHeader& header, std::string_view payload) {
  std::string identity;
  if (header.kid.empty()) {
    const auto jwk = jwk_of(key);
    if (!jwk) return fail(jwk.error());
    identity = fmt::format(R"("jwk":{})", *jwk);
  }
  const Algorithm algorithm = algorithm_of(key);
  const auto input = signing_input(algorithm.name, header, identity, payload);
  if (!input) return fail(input.error());
  const auto signed_bytes = signature(key, algorithm, *input);
  if (!signed_bytes) return fail(signed_bytes.error());
  return flattened(*input, *signed_bytes);
}

Result<std::string> mac_jws(const Secret& secret, MacType type, const JwsHeader& header,
                            std::string_view payload) {
  struct Mac {
    std::string_view name;
    const EVP_MD* digest;
  };
  const std::array<Mac, 3> macs{Mac{"HS256", EVP_sha256()}, {"HS384", EVP_sha384()}, {"HS512", EVP_sha512()}};
  const Mac& mac = macs.at(static_cast<std::size_t>(type));
  const auto input = signing_input(mac.name, header, "", payload);
  if (!input) return fail(input.error());
  std::vector<std::byte> bytes(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (HMAC(mac.digest, secret.bytes().data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(input->data()), input->size(),
           reinterpret_cast<unsigned char*>(bytes.data()), &size) == nullptr)
    return fail(openssl_error("bind the account"));
  bytes.resize(size);
  return flattened(*input, bytes);
}

}  // namespace certlatch
