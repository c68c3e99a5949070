// SPDX-License-Identifier: MIT
#include "worker/acme/issued_chain.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "worker/acme/certificate_names.h"
#include "worker/keeper/base64url.h"
#include "worker/keeper/openssl_types.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxCertificates = 20;

using Certificate = std::unique_ptr<X509, OpensslDeleter<X509_free>>;
using Request = CertificateRequest;

// Without it OpenSSL asks the terminal for the password of an encrypted PEM block.
int no_password(char*, int, int, void*) { return 0; }

std::vector<Certificate> certificates_in(std::string_view chain) {
  // A chain of more than a frame's size never gets here; the cast is for BIO's signed length.
  const Bio memory(BIO_new_mem_buf(chain.data(), static_cast<int>(chain.size())));
  std::vector<Certificate> all;
  while (memory && all.size() <= kMaxCertificates) {
    Certificate one(PEM_read_bio_X509(memory.get(), nullptr, no_password, nullptr));
    if (!one) break;
    all.push_back(std::move(one));
  }
  ERR_clear_error();
  return all;
}

bool read_time(const ASN1_TIME* time, std::int64_t& seconds) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return false;
  seconds = ::timegm(&parts);
  return true;
}

std::vector<std::string> names_of(const X509* leaf) {
  const GeneralNames list(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
  return names_in(list.get());
}

bool has_key_of(X509* leaf, std::string_view csr) {
  const auto* at = reinterpret_cast<const unsigned char*>(csr.data());
  const Request request(d2i_X509_REQ(nullptr, &at, static_cast<long>(csr.size())));
  const EVP_PKEY* wanted = request ? X509_REQ_get0_pubkey(request.get()) : nullptr;
  const EVP_PKEY* held = X509_get0_pubkey(leaf);
  return wanted != nullptr && held != nullptr && EVP_PKEY_eq(wanted, held) == 1;
}

bool is_issued_by(X509* subject, X509* issuer) {
  EVP_PKEY* key = X509_get0_pubkey(issuer);
  return X509_check_issued(issuer, subject) == X509_V_OK && key != nullptr && X509_verify(subject, key) == 1;
}

std::string renewal_id_of(X509* leaf) {
  const ASN1_OCTET_STRING* authority = X509_get0_authority_key_id(leaf);
  std::string serial = bytes_of(X509_get0_serialNumber(leaf));
  if (authority == nullptr || serial.empty()) return "";
  // As in DER: a number whose first bit is set would be negative without a leading zero.
  if ((static_cast<unsigned char>(serial.front()) & 0x80) != 0) serial.insert(0, 1, '\0');
  return base64url(bytes_of(authority)) + "." + base64url(serial);
}

std::string public_key_of(X509* leaf) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
  std::string bytes =
      size > 0 ? std::string(reinterpret_cast<char*>(der), static_cast<std::size_t>(size)) : "";
  OPENSSL_free(der);
  return bytes;
}

std::unexpected<Error> refuse(std::string sentence) {
  ERR_clear_error();
  return fail(Error::invalid(std::move(sentence)));
}

Result<IssuedChain> read(const std::vector<Certificate>& all) {
  if (all.empty()) return refuse("does not begin with a certificate");
  if (all.size() > kMaxCertificates) return refuse("has more certificates than any needs");
  X509* leaf = all.front().get();
  IssuedChain issued;
  if (!read_time(X509_get0_notBefore(leaf), issued.not_before) ||
      !read_time(X509_get0_notAfter(leaf), issued.not_after) || issued.not_after <= issued.not_before)
    return refuse("has a certificate whose dates make no sense");
  for (std::size_t i = 0; i + 1 < all.size(); ++i)
    if (!is_issued_by(all[i].get(), all[i + 1].get()))
      return refuse(fmt::format("does not link: its certificate {} is not issued by the next one", i + 1));
  issued.renewal_id = renewal_id_of(leaf);
  issued.root_name = common_name(X509_get_issuer_name(all.back().get()));
  issued.names = names_of(leaf);
  issued.public_key = public_key_of(leaf);
  ERR_clear_error();
  return issued;
}

}  // namespace

Result<IssuedChain> read_chain(std::string_view chain) {
  auto issued = read(certificates_in(chain));
  if (!issued) issued.error().message.insert(0, "the chain ");
  return issued;
}

Result<IssuedChain> check_chain(std::string_view chain, std::string_view csr,
                                const std::vector<std::string>& names) {
  const auto all = certificates_in(chain);
  auto issued = read(all);
  if (!issued) {
    issued.error().message.insert(0, "the CA's chain ");
    return issued;
  }
  if (!has_key_of(all.front().get(), csr))
    return refuse("the CA's certificate is for another key than was asked for");
  for (const auto& name : names)
    if (!std::ranges::count(issued->names, name))
      return refuse(fmt::format("the CA's certificate is not for {}, which was asked for", name));
  return issued;
}

}  // namespace certlatch
