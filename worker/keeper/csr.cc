// SPDX-License-Identifier: MIT
#include "worker/keeper/csr.h"

#include <fmt/format.h>

#include <string_view>

#include "worker/keeper/private_key.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxNames = 100;
constexpr std::size_t kMaxCommonNameBytes = 64;  // ub-common-name of RFC 5280
constexpr std::size_t kMaxHostNameBytes = 253;

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
  return label.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
         std::string_view::npos;
}

/// A host name or a wildcard. Its last label is not a number, or "10.0.0.256" would be one.
bool is_host_name(std::string_view name) {
  if (name.size() > kMaxHostNameBytes) return false;
  if (name.starts_with("*.")) name.remove_prefix(2);
  for (;;) {
    const auto dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) return label.find_first_not_of("0123456789") != std::string_view::npos;
    name.remove_prefix(dot + 1);
  }
}

Result<GeneralName> general_name(const std::string& name) {
  GeneralName general(GENERAL_NAME_new());
  if (!general) return fail(openssl_error("make a name"));
  // Whatever a string with a NUL looks like to C, it is not the name that was meant.
  if (name.find('\0') == std::string::npos) {
    if (ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str()); address != nullptr) {
      GENERAL_NAME_set0_value(general.get(), GEN_IPADD, address);
      return general;
    }
    ERR_clear_error();
    if (is_host_name(name)) {
      ASN1_IA5STRING* text = ASN1_IA5STRING_new();
      if (text == nullptr || ASN1_STRING_set(text, name.data(), static_cast<int>(name.size())) != 1) {
        ASN1_IA5STRING_free(text);
        return fail(openssl_error("make a name"));
      }
      GENERAL_NAME_set0_value(general.get(), GEN_DNS, text);
      return general;
    }
  }
  return fail(
      Error::invalid("a name to be certified is neither a host name (in its ASCII form) nor an IP address"));
}

Result<void> add_names(X509_REQ* request, const std::vector<std::string>& names) {
  const GeneralNames all(GENERAL_NAMES_new());
  for (const auto& name : names) {
    auto general = general_name(name);
    if (!general) return fail(general.error());
    if (!all || sk_GENERAL_NAME_push(all.get(), general->get()) <= 0)
      return fail(openssl_error("list the names"));
    (void)general->release();  // the list owns it now
  }
  STACK_OF(X509_EXTENSION)* extensions = nullptr;
  const bool added =
      X509V3_add1_i2d(&extensions, NID_subject_alt_name, all.get(), 0, X509V3_ADD_DEFAULT) == 1 &&
      X509_REQ_add_extensions(request, extensions) == 1;
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  if (!added) return fail(openssl_error("add subjectAltName"));
  return {};
}

const EVP_MD* digest_for(const PrivateKey& key) {
  switch (type_of(key)) {
    case KeyType::ed25519:
      return nullptr;  // hashes by itself
    case KeyType::ecdsa_p384:
      return EVP_sha384();
    default:
      return EVP_sha256();
  }
}

}  // namespace

Result<std::string> make_csr(const PrivateKey& key, const std::vector<std::string>& names) {
  if (names.empty() || names.size() > kMaxNames)
    return fail(
        Error::invalid(fmt::format("a certificate has 1 to {} names, not {}", kMaxNames, names.size())));
  const CertificateRequest request(X509_REQ_new());
  if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1)
    return fail(openssl_error("make a certificate request"));
  if (auto added = add_names(request.get(), names); !added) return fail(added.error());
  const std::string& first = names.front();
  if (first.size() <= kMaxCommonNameBytes && is_host_name(first) &&
      X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request.get()), NID_commonName, MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>(first.data()),
                                 static_cast<int>(first.size()), -1, 0) != 1)
    return fail(openssl_error("set the subject of a certificate request"));
  if (X509_REQ_sign(request.get(), key.get(), digest_for(key)) <= 0)
    return fail(openssl_error("sign a certificate request"));
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  if (size <= 0) return fail(openssl_error("encode a certificate request"));
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

}  // namespace certlatch
