// SPDX-License-Identifier: MIT
#include "worker/keeper/private_key.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <optional>

namespace certlatch {
namespace {

constexpr std::size_t kSecureHeapBytes = 128 * 1024;
constexpr std::size_t kSecureHeapSmallestBlock = 16;

// Without it OpenSSL would ask for a passphrase on the terminal.
int give_passphrase(char* to, int room, int, void* passphrase) {
  const auto* secret = static_cast<const Secret*>(passphrase);
  if (secret == nullptr || secret->size() > static_cast<std::size_t>(room)) return -1;
  secret->text().copy(to, secret->size());
  return static_cast<int>(secret->size());
}

std::optional<KeyType> recognise(const EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC: {
      char group[32] = "";
      if (EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) != 1) return std::nullopt;
      if (std::string_view(group) == SN_X9_62_prime256v1) return KeyType::ecdsa_p256;
      if (std::string_view(group) == SN_secp384r1) return KeyType::ecdsa_p384;
      return std::nullopt;
    }
    case EVP_PKEY_ED25519:
      return KeyType::ed25519;
    case EVP_PKEY_RSA:
      if (bits == 2048) return KeyType::rsa_2048;
      if (bits == 3072) return KeyType::rsa_3072;
      if (bits == 4096) return KeyType::rsa_4096;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<void> prepare_key_memory() {
  if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) != 1)
    return fail(openssl_error("start OpenSSL"));
  // 2 means that the heap is there but could not be locked into memory: worse against swap, no reason to
  // stop.
  if (CRYPTO_secure_malloc_initialized() != 1 &&
      CRYPTO_secure_malloc_init(kSecureHeapBytes, kSecureHeapSmallestBlock) == 0)
    return fail(openssl_error("make OpenSSL's secure heap"));
  return {};
}

Result<PrivateKey> make_private_key(KeyType type) {
  PrivateKey key;
  switch (type) {
    case KeyType::ecdsa_p256:
      key.reset(EVP_EC_gen("P-256"));
      break;
    case KeyType::ecdsa_p384:
      key.reset(EVP_EC_gen("P-384"));
      break;
    case KeyType::ed25519:
      key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
      break;
    case KeyType::rsa_2048:
      key.reset(EVP_RSA_gen(2048));
      break;
    case KeyType::rsa_3072:
      key.reset(EVP_RSA_gen(3072));
      break;
    case KeyType::rsa_4096:
      key.reset(EVP_RSA_gen(4096));
      break;
  }
  if (!key) return fail(openssl_error("make a private key"));
  return key;
}

Result<Secret> pem_of(const PrivateKey& key, const Secret* passphrase) {
  const Bio out(BIO_new(BIO_s_secmem()));
  if (!out ||
      PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), passphrase == nullptr ? nullptr : EVP_aes_256_cbc(),
                                    nullptr, 0, give_passphrase, const_cast<Secret*>(passphrase)) != 1)
    return fail(openssl_error("write a private key as PEM"));
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return Secret::copy_of(std::string_view(text, static_cast<std::size_t>(size)));
}

bool is_encrypted(const Secret& pem) { return pem.text().contains("-----BEGIN ENCRYPTED PRIVATE KEY-----"); }

Result<PrivateKey> private_key_from(const Secret& pem, const Secret* passphrase) {
  const Bio text(BIO_new_mem_buf(pem.text().data(), static_cast<int>(pem.size())));
  if (!text) return fail(openssl_error("read a private key"));
  PrivateKey key(
      PEM_read_bio_PrivateKey(text.get(), nullptr, give_passphrase, const_cast<Secret*>(passphrase)));
  if (!key)
    return fail(openssl_error(passphrase != nullptr && is_encrypted(pem)
                                  ? "the passphrase does not open the private key"
                                  : "not an unencrypted private key in PEM"));
  if (!recognise(key.get()))
    return fail(
        Error::invalid("a private key of another type than ecdsa-p256, ecdsa-p384, ed25519, rsa-2048, "
                       "rsa-3072 and rsa-4096"));
  return key;
}

std::string public_key_of(const PrivateKey& key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  std::string bytes =
      size > 0 ? std::string(reinterpret_cast<char*>(der), static_cast<std::size_t>(size)) : "";
  OPENSSL_free(der);
  return bytes;
}

KeyType type_of(const PrivateKey& key) { return recognise(key.get()).value_or(KeyType::ecdsa_p256); }

}  // namespace certlatch
