// SPDX-License-Identifier: MIT
#include "worker/acme/request_check.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "worker/acme/certificate_names.h"
#include "worker/acme/identifier.h"
#include "worker/acme/order_failures.h"
#include "worker/acme/printable.h"
#include "worker/keeper/openssl_types.h"

namespace certlatch {
namespace {

struct FreeExtensions {
  void operator()(STACK_OF(X509_EXTENSION) * list) const {
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
  }
};

constexpr int kLeastRsaBits = 2048;

/// Those of the extension and the common name, which CAs take for one more.
std::vector<std::string> names_of(X509_REQ* request) {
  const std::unique_ptr<STACK_OF(X509_EXTENSION), FreeExtensions> extensions(
      X509_REQ_get_extensions(request));
  const GeneralNames list(
      static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
  auto names = names_in(list.get());
  const auto subject = canonical_name(common_name(X509_REQ_get_subject_name(request)));
  if (!subject.empty() && !std::ranges::count(names, subject)) names.push_back(subject);
  return names;
}

/// Empty when CAs take it.
std::string fault_of_key(X509_REQ* request) {
  const EVP_PKEY* key = X509_REQ_get0_pubkey(request);
  if (key == nullptr) return "has a key of a kind that is not known";
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      if (EVP_PKEY_get_bits(key) < kLeastRsaBits)
        return fmt::format("has an RSA key of {} bits; CAs want {} at least", EVP_PKEY_get_bits(key),
                           kLeastRsaBits);
      return {};
    case EVP_PKEY_EC:
    case EVP_PKEY_ED25519:
    case EVP_PKEY_ED448:
      return {};
    default:
      return "has a key that is neither RSA nor of an elliptic curve";
  }
}

std::string fault_of_signature(X509_REQ* request) {
  int digest = NID_undef;
  OBJ_find_sigid_algs(X509_REQ_get_signature_nid(request), &digest, nullptr);
  if (digest == NID_md5 || digest == NID_sha1) return "is signed with MD5 or SHA-1, which CAs refuse";
  if (X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1)
    return "is not signed with its own key: it is damaged, or was put together from two";
  return {};
}

std::vector<std::string> those_not_in(const std::vector<std::string>& all,
                                      const std::vector<std::string>& some) {
  std::vector<std::string> rest;
  for (const auto& name : all)
    if (!std::ranges::count(some, name)) rest.push_back(printable(name, 253));
  return rest;
}

std::string fault_of_names(X509_REQ* request, const std::vector<std::string>& wanted) {
  const auto held = names_of(request);
  const auto missing = those_not_in(wanted, held), additional = those_not_in(held, wanted);
  std::string text;
  if (!missing.empty()) text = fmt::format("does not ask for {}, which `names` has", listed(missing));
  if (!additional.empty())
    text += fmt::format("{}asks for {}, which `names` does not have", text.empty() ? "" : ", and ",
                        listed(additional));
  return text;
}

}  // namespace

Result<void> check_request(std::string_view csr, const std::vector<std::string>& names) {
  const auto* at = reinterpret_cast<const unsigned char*>(csr.data());
  const auto* end = at + csr.size();
  const CertificateRequest request(d2i_X509_REQ(nullptr, &at, static_cast<long>(csr.size())));
  const auto refuse = [](const std::string& fault) {
    ERR_clear_error();
    return fail(Error::invalid("the certificate request " + fault));
  };
  if (!request || at != end) return refuse("cannot be read");
  for (const auto& fault : {fault_of_key(request.get()), fault_of_names(request.get(), names)})
    if (!fault.empty()) return refuse(fault);
  if (const auto fault = fault_of_signature(request.get()); !fault.empty()) return refuse(fault);
  ERR_clear_error();
  return {};
}

}  // namespace certlatch
