// SPDX-License-Identifier: MIT
// OpenSSL's objects with owners, and its error queue as a sentence.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string_view>

#include "protocol/result.h"

namespace certlatch {

template <auto Free>
struct OpensslDeleter {
  void operator()(auto* object) const { Free(object); }
};

using PrivateKey = std::unique_ptr<EVP_PKEY, OpensslDeleter<EVP_PKEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, OpensslDeleter<EVP_MD_CTX_free>>;
using Bio = std::unique_ptr<BIO, OpensslDeleter<BIO_free>>;
using BigNumber = std::unique_ptr<BIGNUM, OpensslDeleter<BN_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, OpensslDeleter<ECDSA_SIG_free>>;
using CertificateRequest = std::unique_ptr<X509_REQ, OpensslDeleter<X509_REQ_free>>;
using GeneralName = std::unique_ptr<GENERAL_NAME, OpensslDeleter<GENERAL_NAME_free>>;
using GeneralNames = std::unique_ptr<GENERAL_NAMES, OpensslDeleter<GENERAL_NAMES_free>>;

/// "`doing`: the reason that OpenSSL gives"; empties its error queue.
inline Error openssl_error(std::string_view doing) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return Error::invalid(std::string(doing) + ": " + (reason != nullptr ? reason : "OpenSSL gives no reason"));
}

}  // namespace certlatch
