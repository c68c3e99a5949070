// SPDX-License-Identifier: MIT
// Private keys: made, and turned into PEM and back without leaving locked memory where OpenSSL lets us.
#pragma once

#include <string>

#include "protocol/result.h"
#include "protocol/secret.h"
#include "worker/keeper/messages.h"
#include "worker/keeper/openssl_types.h"

namespace certlatch {

/// Gives OpenSSL its secure heap, in which it keeps private numbers: locked, guarded, wiped when freed. Must
/// run before any key exists. No configuration file is read: it could load code into the process.
[[nodiscard]] Result<void> prepare_key_memory();

[[nodiscard]] Result<PrivateKey> make_private_key(KeyType type);

/// PKCS #8; encrypted (PBES2, AES-256) when there is a passphrase.
[[nodiscard]] Result<Secret> pem_of(const PrivateKey& key, const Secret* passphrase = nullptr);

/// Kind::invalid when `pem` is not one private key of a type that KeyType has, or is encrypted and the
/// passphrase is not its.
[[nodiscard]] Result<PrivateKey> private_key_from(const Secret& pem, const Secret* passphrase = nullptr);
[[nodiscard]] bool is_encrypted(const Secret& pem);

/// SubjectPublicKeyInfo, DER; empty when OpenSSL cannot write it.
[[nodiscard]] std::string public_key_of(const PrivateKey& key);

/// Of a key that one of the functions above returned.
[[nodiscard]] KeyType type_of(const PrivateKey& key);

}  // namespace certlatch
