// SPDX-License-Identifier: MIT
#include "worker/keeper/csr.h"

#include <doctest/doctest.h>
#include <openssl/x509.h>

#include "worker/keeper/private_key.h"

using namespace certlatch;

namespace {

struct ParsedRequest {
  CertificateRequest request;
  std::string common_name;
  std::vector<std::string> names;
};

ParsedRequest parsed(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ParsedRequest out{CertificateRequest(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size()))), "", {}};
  REQUIRE(out.request);
  CHECK(at == reinterpret_cast<const unsigned char*>(der.data()) + der.size());
  char text[256] = "";
  if (X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(out.request.get()), NID_commonName, text,
                                sizeof text) > 0)
    out.common_name = text;
  STACK_OF(X509_EXTENSION)* extensions = X509_REQ_get_extensions(out.request.get());
  const GeneralNames names(
      static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr)));
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  REQUIRE(names);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    auto* value =
        static_cast<ASN1_STRING*>(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type));
    std::string bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                      static_cast<std::size_t>(ASN1_STRING_length(value)));
    out.names.push_back(type == GEN_DNS ? "dns " + bytes : fmt::format("ip of {} bytes", bytes.size()));
  }
  return out;
}

}  // namespace

TEST_CASE("a certificate request carries the names and is signed with the key") {
  for (const auto type : {KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::ed25519, KeyType::rsa_2048}) {
    const auto key = make_private_key(type);
    REQUIRE(key);
    const auto der = make_csr(*key, {"example.org", "*.example.org", "192.0.2.1", "2001:db8::1"});
    REQUIRE(der);
    const auto request = parsed(*der);
    CHECK(request.common_name == "example.org");
    CHECK(request.names == std::vector<std::string>{"dns example.org", "dns *.example.org", "ip of 4 bytes",
                                                    "ip of 16 bytes"});
    CHECK(X509_REQ_verify(request.request.get(), key->get()) == 1);
  }
}

TEST_CASE("the common name is left out when the first name is an address or too long") {
  const auto key = make_private_key(KeyType::ecdsa_p256);
  CHECK(parsed(*make_csr(*key, {"192.0.2.1", "example.org"})).common_name.empty());
  const std::string long_name = fmt::format("{:a>60}.example.org", "");
  CHECK(parsed(*make_csr(*key, {long_name})).common_name.empty());
  CHECK(parsed(*make_csr(*key, {fmt::format("{:a>52}.example.org", "")})).common_name.size() == 64);
}

TEST_CASE("what is no name does not get into a certificate request") {
  const auto key = make_private_key(KeyType::ecdsa_p256);
  const std::vector<std::string> bad{"",
                                     ".",
                                     "a..b",
                                     "-a.b",
                                     "a b",
                                     "a.b,DNS:c",
                                     "a/b",
                                     "10.0.0.256",
                                     "*.",
                                     "x.*.org",
                                     "ex\xc3\xa4mple.org",
                                     std::string("a.org\0.b", 8),
                                     fmt::format("{:a>64}.org", ""),
                                     fmt::format("{:a>250}.org", "")};
  for (const auto& name : bad) {
    CAPTURE(name);
    CHECK_FALSE(make_csr(*key, {"example.org", name}));
  }
  CHECK_FALSE(make_csr(*key, {}));
  CHECK_FALSE(make_csr(*key, std::vector<std::string>(101, "example.org")));
}
