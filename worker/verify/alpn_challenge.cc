// SPDX-License-Identifier: MIT
#include "worker/verify/alpn_challenge.h"

#include <fmt/format.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <span>

#include "worker/responder/alpn_name.h"
#include "worker/verify/served_certificate.h"

namespace certlatch {
namespace {

using Object = std::unique_ptr<ASN1_OBJECT, OpensslDeleter<ASN1_OBJECT_free>>;

bool holds_digest(const X509& certificate, const std::string& key_authorization) {
  std::array<unsigned char, 2 + SHA256_DIGEST_LENGTH> wanted{V_ASN1_OCTET_STRING, SHA256_DIGEST_LENGTH};
  SHA256(reinterpret_cast<const unsigned char*>(key_authorization.data()), key_authorization.size(),
         wanted.data() + 2);
  const Object object(OBJ_txt2obj(kAcmeIdentifier, 1));
  const int place = object ? X509_get_ext_by_OBJ(&certificate, object.get(), -1) : -1;
  X509_EXTENSION* extension = place < 0 ? nullptr : X509_get_ext(&certificate, place);
  if (extension == nullptr || X509_EXTENSION_get_critical(extension) != 1) return false;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
  return std::ranges::equal(
      std::span(ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))), wanted);
}

}  // namespace

ChallengeCompared compare_challenge(const CompareChallenge& challenge, Deadline deadline) {
  const auto certificate = challenge_certificate(challenge, deadline);
  if (certificate && holds_digest(**certificate, challenge.key_authorization))
    return {ChallengeOutcome::right, {}};
  if (!certificate && certificate.error().kind == Error::Kind::timed_out)
    return {ChallengeOutcome::silent, {}};
  if (!certificate && certificate.error().kind == Error::Kind::system) return {ChallengeOutcome::nobody, {}};
  return {ChallengeOutcome::other,
          fmt::format("port {} of this host does not show the certificate of tls-alpn-01 for {}{}",
                      challenge.port, challenge.name, certificate ? "" : ": " + certificate.error().message)};
}

}  // namespace certlatch
