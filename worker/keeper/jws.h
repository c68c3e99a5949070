// SPDX-License-Identifier: MIT
// JSON Web Keys and signatures as ACME wants them: RFC 7517, RFC 7638, RFC 7515 section 7.2.2 (flattened),
// RFC 8555 section 6.2. Signed with ES256, ES384, EdDSA or RS256, as the key's type says.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.h"
#include "protocol/secret.h"
#include "worker/keeper/messages.h"
#include "worker/keeper/openssl_types.h"

namespace certlatch {

/// The public key as a JWK: only the required members, in the order that RFC 7638 hashes.
[[nodiscard]] Result<std::string> jwk_of(const PrivateKey& key);

/// RFC 7638, with SHA-256, base64url.
[[nodiscard]] Result<std::string> thumbprint_of(const PrivateKey& key);

struct JwsHeader {
  std::string_view url;
  std::string_view nonce;  // empty: none, as within another JWS
  std::string_view kid;    // empty: the public key itself goes into the header ("jwk")
};

/// The JWS as JSON. Kind::invalid when the URL is empty or a header's text could break out of its JSON
/// string: only visible ASCII without quotes and backslashes is signed.
[[nodiscard]] Result<std::string> sign_jws(const PrivateKey& key, const JwsHeader& header,
                                           std::string_view payload);

/// The same with a secret that both sides know: HS256, HS384 or HS512. The header has no nonce.
[[nodiscard]] Result<std::string> mac_jws(const Secret& secret, MacType type, const JwsHeader& header,
                                          std::string_view payload);

}  // namespace certlatch
