// SPDX-License-Identifier: MIT
#include "worker/responder/alpn_answers.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "worker/keeper/openssl_types.h"
#include "worker/responder/alpn_name.h"

namespace certlatch {
namespace {

using Certificate = std::unique_ptr<X509, OpensslDeleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, OpensslDeleter<X509_EXTENSION_free>>;
using Object = std::unique_ptr<ASN1_OBJECT, OpensslDeleter<ASN1_OBJECT_free>>;
using Bytes = std::unique_ptr<ASN1_OCTET_STRING, OpensslDeleter<ASN1_OCTET_STRING_free>>;

constexpr long kLifetimeSeconds = 7 * 24 * 3600;

bool is_address(const std::string& name) {
  in6_addr room{};
  return ::inet_pton(AF_INET, name.c_str(), &room) == 1 || ::inet_pton(AF_INET6, name.c_str(), &room) == 1;
}

bool add_name(X509* certificate, const std::string& name) {
  const Extension names(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name,
                          fmt::format("{}:{}", is_address(name) ? "IP" : "DNS", name).c_str()));
  return names && X509_add_ext(certificate, names.get(), -1) == 1;
}

/// The critical extension of RFC 8737, section 3: an OCTET STRING within the extension's own.
bool add_digest(X509* certificate, const std::string& key_authorization) {
  std::array<unsigned char, 2 + SHA256_DIGEST_LENGTH> value{V_ASN1_OCTET_STRING, SHA256_DIGEST_LENGTH};
  SHA256(reinterpret_cast<const unsigned char*>(key_authorization.data()), key_authorization.size(),
         value.data() + 2);
  const Object object(OBJ_txt2obj(kAcmeIdentifier, 1));
  const Bytes bytes(ASN1_OCTET_STRING_new());
  if (!object || !bytes ||
      ASN1_OCTET_STRING_set(bytes.get(), value.data(), static_cast<int>(value.size())) != 1)
    return false;
  const Extension extension(X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 1, bytes.get()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Nothing else than the challenge is spoken here: a visitor that wants HTTP is turned away.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  static constexpr unsigned char kAcme[] =
      "\x0a"
      "acme-tls/1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, kAcme, sizeof kAcme - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

void AlpnAnswers::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
void AlpnAnswers::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
AlpnAnswers::~AlpnAnswers() = default;

Result<std::unique_ptr<AlpnAnswers>> AlpnAnswers::make() {
  // No configuration file is read: it could load code into the process.
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  std::unique_ptr<AlpnAnswers> answers(new AlpnAnswers);
  answers->key_.reset(EVP_EC_gen("P-256"));
  if (!answers->key_) return fail(openssl_error("make a key for tls-alpn-01"));
  return answers;
}

Result<void> AlpnAnswers::add(const std::string& token, const std::string& name,
                              const std::string& key_authorization) {
  const Certificate certificate(X509_new());
  const bool is_made = certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                       ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1) == 1 &&
                       X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600) != nullptr &&
                       X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kLifetimeSeconds) != nullptr &&
                       X509_set_pubkey(certificate.get(), key_.get()) == 1 &&
                       add_name(certificate.get(), name) &&
                       add_digest(certificate.get(), key_authorization) &&
                       X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0;
  if (!is_made) return fail(openssl_error("make a certificate for tls-alpn-01"));
  Answer answer{server_name_of(name), std::unique_ptr<ssl_ctx_st, Free>(SSL_CTX_new(TLS_server_method())), 0};
  if (!answer.context || SSL_CTX_set_min_proto_version(answer.context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_use_certificate(answer.context.get(), certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(answer.context.get(), key_.get()) != 1)
    return fail(openssl_error("answer tls-alpn-01"));
  SSL_CTX_set_alpn_select_cb(answer.context.get(), choose_protocol, nullptr);
  answers_.insert_or_assign(token, std::move(answer));
  return {};
}

std::optional<std::uint32_t> AlpnAnswers::remove(const std::string& token) {
  const auto found = answers_.find(token);
  if (found == answers_.end()) return std::nullopt;
  const auto handshakes = found->second.handshakes;
  answers_.erase(found);
  return handshakes;
}

ssl_ctx_st* AlpnAnswers::find(const std::string& server_name) {
  const auto found = std::ranges::find_if(
      answers_, [&](const auto& entry) { return entry.second.server_name == server_name; });
  if (found == answers_.end()) return nullptr;
  ++found->second.handshakes;
  return found->second.context.get();
}

}  // namespace certlatch
