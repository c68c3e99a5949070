// SPDX-License-Identifier: MIT
// Private keys as JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037): the form in which certbot keeps an
// account's key (private_key.json).
#pragma once

#include "protocol/result.h"
#include "protocol/secret.h"
#include "worker/keeper/openssl_types.h"

namespace certlatch {

[[nodiscard]] Result<Secret> private_jwk_of(const PrivateKey& key);

/// Kind::invalid when `text` is not one private JWK of a type that KeyType has, or its halves do not fit.
[[nodiscard]] Result<PrivateKey> private_key_from_jwk(const Secret& text);

}  // namespace certlatch
