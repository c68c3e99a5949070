// SPDX-License-Identifier: MIT
#include "tests/unit/install/test_pair.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <functional>

namespace certlatch::test {
namespace {

Key shared(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

std::string written(const std::function<int(BIO*)>& write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  REQUIRE(write(bio.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

void add_extension(X509* certificate, int nid, const std::string& value) {
  if (value.empty()) return;
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  REQUIRE(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void add_raw_dns_name(X509* certificate, const std::string& bytes) {
  GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, bytes.data(), static_cast<int>(bytes.size()));
  GENERAL_NAME_set0_value(name, GEN_DNS, text);
  sk_GENERAL_NAME_push(names, name);
  X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0);
  GENERAL_NAMES_free(names);
}

}  // namespace

Key ec_key(const char* curve) { return shared(EVP_EC_gen(curve)); }
Key rsa_key(unsigned bits) { return shared(EVP_RSA_gen(bits)); }
Key ed25519_key() { return shared(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }
Key dsa_like_key() { return shared(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519")); }

std::string pem_of(const Key& key) {
  return written([&](BIO* to) {
    return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}
std::string traditional_pem_of(const Key& key) {
  return written([&](BIO* to) {
    return PEM_write_bio_PrivateKey_traditional(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}
std::string encrypted_pem_of(const Key& key) {
  return written([&](BIO* to) {
    return PEM_write_bio_PKCS8PrivateKey(to, key.get(), EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr);
  });
}
std::string old_encrypted_pem_of(const Key& key) {
  return written([&](BIO* to) {
    auto* pass = reinterpret_cast<const unsigned char*>("secret");
    return PEM_write_bio_PrivateKey_traditional(to, key.get(), EVP_aes_128_cbc(), pass, 6, nullptr, nullptr);
  });
}
std::string pem_of(const Certificate& certificate) {
  return written([&](BIO* to) { return PEM_write_bio_X509(to, certificate.get()); });
}

Certificate certificate(const Key& key, const Wish& wish, const Issuer* issuer) {
  Certificate made(X509_new(), X509_free);
  X509* raw = made.get();
  X509_set_version(raw, X509_VERSION_3);
  std::uint32_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(raw), serial | 1U);
  X509_gmtime_adj(X509_getm_notBefore(raw), wish.from);
  X509_gmtime_adj(X509_getm_notAfter(raw), wish.until);
  X509_set_pubkey(raw, key.get());
  if (!wish.subject.empty())
    X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wish.subject.c_str()), -1, -1, 0);
  X509_set_issuer_name(raw, X509_get_subject_name(issuer != nullptr ? issuer->certificate.get() : raw));
  add_extension(raw, NID_basic_constraints, wish.constraints);
  if (wish.raw_dns_name.empty())
    add_extension(raw, NID_subject_alt_name, wish.alternative);
  else
    add_raw_dns_name(raw, wish.raw_dns_name);
  EVP_PKEY* signer = issuer != nullptr ? issuer->key.get() : key.get();
  const bool is_pure = EVP_PKEY_get_base_id(signer) == EVP_PKEY_ED25519;
  REQUIRE(X509_sign(raw, signer, is_pure ? nullptr : EVP_sha256()) > 0);
  return made;
}

Issuer authority(const std::string& name, const Issuer* above, const Wish& wish) {
  Issuer issuer{ec_key(), nullptr};
  Wish own = wish;
  own.subject = name;
  own.alternative.clear();
  own.constraints = "critical,CA:TRUE";
  issuer.certificate = certificate(issuer.key, own, above);
  return issuer;
}

Pair good_pair(const Issuer& root, const std::string& alternative) {
  const Issuer middle = authority("Test Intermediate", &root);
  const Key key = ec_key();
  return {pem_of(key), pem_of(certificate(key, {.subject = "", .alternative = alternative}, &middle)) +
                           pem_of(middle.certificate)};
}

Pair good_pair() { return good_pair(authority("Test Root")); }

}  // namespace certlatch::test
