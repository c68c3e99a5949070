// SPDX-License-Identifier: MIT
// Is this a key and a chain that a server can be given? All parsing of keys and certificates by OpenSSL that
// certlatch does on behalf of its broker. Touches nothing but its arguments; safe to call with any bytes.
//
// PEM is read strictly, as RFC 8555 (9.1) has a CA send it: no text between blocks, no headers, lines of at
// most 64 characters. Read this way, no other reader of the same file can find a block that this one did not
// see.
#pragma once

#include <openssl/bio.h>
#include <openssl/x509.h>

#include <memory>
#include <string_view>

#include "broker/inspector/inspector.h"
#include "protocol/result.h"

namespace certlatch {

inline constexpr int kMaxIntermediates = 10;
inline constexpr int kMaxNames = 100;
inline constexpr std::time_t kClockTolerance = 300;  // seconds that a CA's clock may be ahead of ours

template <auto free_function>
struct Deleter {
  void operator()(auto* object) const { free_function(object); }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using TrustStore = std::shared_ptr<X509_STORE>;

/// The certificates of a trust file, which may hold text between them. Kind::invalid when there are none.
Result<TrustStore> read_trust(const Bio& pem);

/// `chain` is PEM, the leaf first; `key` is PEM, one unencrypted block; `now` is seconds since 1970. Where
/// there is a `trust`, the chain must lead to one of its certificates. Kind::refused with the reason.
Result<Verdict> check_pair(std::string_view chain, std::string_view key, X509_STORE* trust, std::time_t now);

}  // namespace certlatch
