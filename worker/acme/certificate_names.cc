// SPDX-License-Identifier: MIT
#include "worker/acme/certificate_names.h"

#include <arpa/inet.h>

#include "worker/acme/identifier.h"
#include "worker/acme/printable.h"

namespace certlatch {
namespace {

std::string address_text(const std::string& bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  if (bytes.size() == 4 || bytes.size() == 16) ::inet_ntop(family, bytes.data(), text, sizeof text);
  return text;
}

}  // namespace

std::string bytes_of(const ASN1_STRING* text) {
  return text == nullptr ? std::string()
                         : std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                       static_cast<std::size_t>(ASN1_STRING_length(text)));
}

std::vector<std::string> names_in(const GENERAL_NAMES* list) {
  std::vector<std::string> names;
  for (int i = 0; list != nullptr && i < sk_GENERAL_NAME_num(list); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, i);
    if (name->type == GEN_DNS) names.push_back(canonical_name(bytes_of(name->d.dNSName)));
    if (name->type == GEN_IPADD) names.push_back(address_text(bytes_of(name->d.iPAddress)));
  }
  return names;
}

std::string common_name(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return "";
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  std::string text =
      size > 0 ? std::string(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size)) : "";
  OPENSSL_free(utf8);
  return printable(text, 200);
}

}  // namespace certlatch
