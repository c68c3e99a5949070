// SPDX-License-Identifier: MIT
// Makes CAs, certificates and keys, good ones and every kind of bad ones.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

namespace certlatch::test {

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

Key ec_key(const char* curve = "P-256");
Key rsa_key(unsigned bits = 2048);
Key ed25519_key();
Key dsa_like_key();                              // a type that no server uses: X25519
std::string pem_of(const Key& key);              // PKCS #8
std::string traditional_pem_of(const Key& key);  // EC PRIVATE KEY or RSA PRIVATE KEY
std::string encrypted_pem_of(const Key& key);
std::string old_encrypted_pem_of(const Key& key);  // with Proc-Type headers
std::string pem_of(const Certificate& certificate);

struct Issuer {
  Key key;
  Certificate certificate;
};

struct Wish {
  std::string subject = "leaf";                          // common name; empty for none
  std::string alternative = "DNS:leaf,DNS:example.org";  // as in openssl.cnf; empty for none
  std::string constraints = "critical,CA:FALSE";         // empty for none
  long from = -3600, until = 90 * 86400;                 // seconds from now
  std::string raw_dns_name;                              // instead of `alternative`: these very bytes
};

/// Signed by `issuer`, or by itself without one.
Certificate certificate(const Key& key, const Wish& wish, const Issuer* issuer = nullptr);
Issuer authority(const std::string& name, const Issuer* above = nullptr, const Wish& wish = {});

struct Pair {
  std::string key, chain;
};
/// A leaf for example.org below an intermediate below `root`; the chain without the root.
Pair good_pair(const Issuer& root, const std::string& alternative = "DNS:example.org");
Pair good_pair();

}  // namespace certlatch::test
