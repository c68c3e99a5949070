// SPDX-License-Identifier: MIT
// What is said to the keeper, the process that holds the account keys and the fresh certificate keys. The
// main process and the acme process have a socketpair each to it; acme may ask for signatures and nothing
// else.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "protocol/secret.h"

namespace certlatch {

enum class KeyType : std::uint8_t { ecdsa_p256, ecdsa_p384, ed25519, rsa_2048, rsa_3072, rsa_4096 };
constexpr KeyType last_of(KeyType) { return KeyType::rsa_4096; }

// ---- main process -> keeper

/// Files with secrets of one CA, which the keeper reads before it confines itself. A file that cannot be read
/// shows when the account is used.
struct CaSecrets {
  std::string ca;
  std::string eab_key_file;     // base64url, as the CA gave it; empty: none
  std::string passphrase_file;  // that the account's key is encrypted with; empty: it is not
  void serialize(auto& archive) { archive(ca, eab_key_file, passphrase_file); }
};

/// The first message: where the keys live. The keeper confines itself to these two directories on reading it.
struct KeeperStart {
  static constexpr std::uint8_t kTag = 1;
  std::string accounts_directory;      // STATE/accounts: CA/key.pem
  std::string certificates_directory;  // STATE/certificates: NAME/privkey.pem
  std::vector<CaSecrets> secrets;
  void serialize(auto& archive) { archive(accounts_directory, certificates_directory, secrets); }
};

/// Of external account binding (RFC 8555, section 7.3.4).
enum class MacType : std::uint8_t { hs256, hs384, hs512 };
constexpr MacType last_of(MacType) { return MacType::hs512; }

/// Loads the CA's account key, or makes one unless it `must_exist`. Signatures for this CA are given only for
/// URLs of `origin`.
struct UseAccount {
  static constexpr std::uint8_t kTag = 2;
  std::string ca;                      // the [ca] section's name
  std::string origin;                  // "https://host:port" of the CA's directory
  KeyType type = KeyType::ecdsa_p256;  // for a key that is made now
  MacType eab_mac = MacType::hs256;
  bool is_trial = false;    // a fresh key that is never stored
  bool must_exist = false;  // refused when there is no key
  void serialize(auto& archive) { archive(ca, origin, type, eab_mac, is_trial, must_exist); }
};

/// Makes a certificate key (or keeps the one that is there and not yet installed) and a CSR for these names.
struct MakeRequest {
  static constexpr std::uint8_t kTag = 3;
  std::string certificate;
  std::vector<std::string> names;  // host names, wildcards, IP addresses; the first is the common subject
  KeyType type = KeyType::ecdsa_p256;
  bool new_key = true;  // false: the key of an earlier, interrupted attempt is used again where there is one
  bool is_trial = false;  // the key is never stored
  void serialize(auto& archive) { archive(certificate, names, type, new_key, is_trial); }
};

/// Hands out a certificate's key, to be put into an Install frame.
struct TakeKey {
  static constexpr std::uint8_t kTag = 4;
  std::string certificate;
  void serialize(auto& archive) { archive(certificate); }
};

/// Every install entry has the key: overwrite and remove it here.
struct ForgetKey {
  static constexpr std::uint8_t kTag = 5;
  std::string certificate;
  void serialize(auto& archive) { archive(certificate); }
};

/// The key that is to follow the account's present one: made, or the one that an interrupted roll-over has
/// left. From now on it signs too. Answered by AccountReady.
struct UseNextKey {
  static constexpr std::uint8_t kTag = 6;
  std::string ca;
  KeyType type = KeyType::ecdsa_p256;
  void serialize(auto& archive) { archive(ca, type); }
};

/// The CA knows it: it takes the present one's place.
struct AdoptNextKey {
  static constexpr std::uint8_t kTag = 7;
  std::string ca;
  void serialize(auto& archive) { archive(ca); }
};

/// The certificate's key may sign for URLs of `origin`, in the place of the account's: a revocation. Refused
/// unless `public_key` (SubjectPublicKeyInfo, DER) is its other half.
struct UseCertificateKey {
  static constexpr std::uint8_t kTag = 8;
  std::string ca;
  std::string origin;
  std::string certificate;
  Secret key;  // PEM, not encrypted; empty: the one that is kept of the certificate
  std::string public_key;
  void serialize(auto& archive) { archive(ca, origin, certificate, key, public_key); }
};

enum class KeyForm : std::uint8_t { pem, jwk };  // PKCS #8; RFC 7517, as certbot keeps it
constexpr KeyForm last_of(KeyForm) { return KeyForm::jwk; }

/// Hands out an account's key, not encrypted. Answered by KeyTaken.
struct ExportAccount {
  static constexpr std::uint8_t kTag = 9;
  std::string ca;
  KeyForm form = KeyForm::pem;
  void serialize(auto& archive) { archive(ca, form); }
};

/// Makes `key`, of either form, the account's. Refused when there is another one already. Answered by
/// AccountReady; is_new is false when it is the one that is there.
struct ImportAccount {
  static constexpr std::uint8_t kTag = 10;
  std::string ca;
  Secret key;
  bool is_trial = false;  // nothing is stored
  void serialize(auto& archive) { archive(ca, key, is_trial); }
};

/// Keeps `key` (PEM, not encrypted) as the certificate's, in the place of one that is there. Refused unless
/// it is of a type that KeyType has and `public_key` (SubjectPublicKeyInfo, DER) is its other half. Answered
/// by KeyImported.
struct ImportKey {
  static constexpr std::uint8_t kTag = 11;
  std::string certificate;
  Secret key;
  std::string public_key;
  bool is_trial = false;  // nothing is stored
  void serialize(auto& archive) { archive(certificate, key, public_key, is_trial); }
};

using KeeperOrder = std::variant<KeeperStart, UseAccount, MakeRequest, TakeKey, ForgetKey, UseNextKey,
                                 AdoptNextKey, UseCertificateKey, ExportAccount, ImportAccount, ImportKey>;

// ---- keeper -> main process; one answer to each order

struct KeeperDone {
  static constexpr std::uint8_t kTag = 0x80;
  void serialize(auto&) {}
};
struct AccountReady {
  static constexpr std::uint8_t kTag = 0x81;
  std::string thumbprint;  // RFC 7638, base64url: the second half of a key authorization
  bool is_new = false;
  bool has_next = false;  // a roll-over was interrupted: the CA may know the other key by now
  void serialize(auto& archive) { archive(thumbprint, is_new, has_next); }
};
struct RequestReady {
  static constexpr std::uint8_t kTag = 0x82;
  std::string csr;  // PKCS #10, DER
  void serialize(auto& archive) { archive(csr); }
};
struct KeyTaken {
  static constexpr std::uint8_t kTag = 0x83;
  Secret key;  // PKCS #8, PEM
  void serialize(auto& archive) { archive(key); }
};
struct KeyImported {
  static constexpr std::uint8_t kTag = 0x84;
  KeyType type = KeyType::ecdsa_p256;
  void serialize(auto& archive) { archive(type); }
};
struct KeeperFailed {
  static constexpr std::uint8_t kTag = 0xff;
  std::string sentence;
  void serialize(auto& archive) { archive(sentence); }
};

using KeeperAnswer =
    std::variant<KeeperDone, AccountReady, RequestReady, KeyTaken, KeyImported, KeeperFailed>;

// ---- acme <-> keeper

enum class SigningKey : std::uint8_t { account, next_account, certificate };
constexpr SigningKey last_of(SigningKey) { return SigningKey::certificate; }

/// A flattened JWS (RFC 7515, section 7.2.2; RFC 8555, section 6.2) over `payload`. Refused when the URL is
/// not of the account's origin.
struct SignJws {
  static constexpr std::uint8_t kTag = 1;
  std::string ca;
  std::string url;
  std::string nonce;
  std::string kid;      // the account URL; empty: the public key itself goes into the header ("jwk")
  std::string payload;  // JSON; empty for POST-as-GET
  SigningKey key = SigningKey::account;
  void serialize(auto& archive) { archive(ca, url, nonce, kid, payload, key); }
};

/// The account's public key, signed with the secret that the CA gave (RFC 8555, section 7.3.4).
struct BindAccount {
  static constexpr std::uint8_t kTag = 2;
  std::string ca;
  std::string url;
  std::string kid;
  void serialize(auto& archive) { archive(ca, url, kid); }
};

/// The account and its present key, signed with the next one (RFC 8555, section 7.3.5).
struct SignKeyChange {
  static constexpr std::uint8_t kTag = 3;
  std::string ca;
  std::string url;
  std::string account_url;
  void serialize(auto& archive) { archive(ca, url, account_url); }
};
using SignatureOrder = std::variant<SignJws, BindAccount, SignKeyChange>;

struct Signed {
  static constexpr std::uint8_t kTag = 0x81;
  std::string jws;  // JSON
  void serialize(auto& archive) { archive(jws); }
};
using SignatureAnswer = std::variant<Signed, KeeperFailed>;

}  // namespace certlatch
