// SPDX-License-Identifier: MIT
#include "broker/inspector/pair_check.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <ranges>

namespace certlatch {
namespace {

using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_clear_free>>;
void free_all(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }
using Chain = std::unique_ptr<STACK_OF(X509), Deleter<free_all>>;

constexpr std::size_t kMaxNameBytes = 253;
constexpr std::size_t kMaxLineBytes = 64;
constexpr std::string_view kCurves[] = {SN_X9_62_prime256v1, SN_secp384r1, SN_secp521r1};

template <class... Parts>
std::unexpected<Error> refuse(fmt::format_string<Parts...> sentence, Parts&&... parts) {
  return fail(Error::refused(fmt::format(sentence, std::forward<Parts>(parts)...)));
}

struct PemBlock {
  std::string_view label;  // "CERTIFICATE"
  Secret der;              // begins with the `bytes` that the block holds; it may be a key
  std::size_t bytes = 0;
};

/// The object that fills the block to its last byte, or nothing.
template <class Object>
Object parse(const PemBlock& block, auto d2i) {
  const auto* const der = reinterpret_cast<const unsigned char*>(block.der.bytes().data());
  const auto* end = der;
  Object object(d2i(nullptr, &end, static_cast<long>(block.bytes)));
  if (end != der + block.bytes) object.reset();
  return object;
}

/// A block that does not begin its line is none to other readers: it stays, to be refused as text.
void skip_blank_lines(std::string_view& text) {
  const auto next = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  if (next == text.size() || text.substr(0, next).ends_with('\n')) text.remove_prefix(next);
}

/// Takes the block at the beginning of `text`, and blank lines behind it. The reason names the `file` and
/// repeats nothing of the text.
Result<PemBlock> take_block(std::string_view file, std::string_view& text) {
  constexpr std::string_view kBegin = "-----BEGIN ", kDashes = "-----";
  if (text.empty()) return refuse("{} is empty", file);
  if (!text.starts_with(kBegin)) return refuse("{} holds text outside of its PEM blocks", file);
  const auto label = text.substr(kBegin.size(), text.find(kDashes, kBegin.size()) - kBegin.size());
  const auto end_line = fmt::format("\n-----END {}-----", label);
  const auto start = kBegin.size() + label.size() + kDashes.size(), end = text.find(end_line, start);
  if (end == text.npos) return refuse("{} ends in the middle of a PEM block", file);
  const auto body = text.substr(start, end - start);
  text.remove_prefix(end + end_line.size());
  if (!text.empty() && text.find_first_of("\r\n") != 0)
    return refuse("{} holds text behind a PEM block", file);
  skip_blank_lines(text);
  if (body.find_first_of("\r\n") != 0)
    return refuse("{} holds text behind the beginning of a PEM block", file);
  for (const auto line : std::views::split(body, '\n'))
    if (std::string_view(line).find_last_not_of('\r') + 1 > kMaxLineBytes)
      return refuse("{} holds a PEM block with lines of more than {} characters", file, kMaxLineBytes);
  PemBlock block{label, Secret(body.size()), 0};
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(block.der.bytes().data()), body.size(), body.data(),
                        body.size(), "\r\n", &block.bytes, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0 ||
      block.bytes == 0)
    return refuse("{} holds a PEM block that is not base64 alone, as old encrypted keys are", file);
  return block;
}

/// Does the key hold together? OpenSSL computes with primes of any size, for minutes, and makes do with wrong
/// ones.
bool has_its_primes(const EVP_PKEY* key) {
  const auto part = [&](const char* name) {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(key, name, &number);
    return Number(number);
  };
  const auto n = part("n"), d = part("d"), p = part("rsa-factor1"), q = part("rsa-factor2"),
             third = part("rsa-factor3"), product = Number(BN_new());
  const std::unique_ptr<BN_CTX, Deleter<BN_CTX_free>> context(BN_CTX_new());
  return n && d && p && q && !third && BN_cmp(d.get(), n.get()) < 0 && BN_cmp(p.get(), BN_value_one()) > 0 &&
         BN_mul(product.get(), p.get(), q.get(), context.get()) == 1 && BN_cmp(product.get(), n.get()) == 0 &&
         BN_cmp(q.get(), BN_value_one()) > 0;
}

/// What clients can use and what is not too weak: also a bound on the time that one inspection takes.
Result<void> check_kind(const EVP_PKEY* key) {
  const int kind = EVP_PKEY_get_base_id(key), bits = EVP_PKEY_get_bits(key);
  if (kind != EVP_PKEY_RSA && kind != EVP_PKEY_EC && kind != EVP_PKEY_ED25519)
    return refuse("the key is none of RSA, ECDSA and Ed25519");
  if (kind == EVP_PKEY_RSA && (bits < 2048 || bits > 8192))
    return refuse("the key is RSA of {} bits; 2048 to 8192 are accepted", bits);
  if (kind == EVP_PKEY_RSA && !has_its_primes(key))
    return refuse("the key is RSA, and its numbers do not fit each other");
  std::array<char, 64> group{};
  EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr);
  if (kind == EVP_PKEY_EC && !std::ranges::count(kCurves, std::string_view(group.data())))
    return refuse("the key is on a curve other than P-256, P-384 and P-521");
  return {};
}

Result<Key> read_key(std::string_view pem) {
  skip_blank_lines(pem);
  const auto block = TRY(take_block("the key file", pem));
  if (block.label == "ENCRYPTED PRIVATE KEY")
    return refuse("the key is encrypted; hand it over without a passphrase");
  if (!pem.empty() ||
      (block.label != "PRIVATE KEY" && block.label != "EC PRIVATE KEY" && block.label != "RSA PRIVATE KEY"))
    return refuse("the key file holds something other than one private key");
  auto key = parse<Key>(block, d2i_AutoPrivateKey);
  if (key == nullptr) return refuse("the key cannot be read");
  TRY(check_kind(key.get()));
  return key;
}

/// The leaf and what follows it; the chain's first `leaf_bytes` are the leaf's block.
Result<Chain> read_chain(std::string_view pem, std::uint32_t& leaf_bytes) {
  Chain chain(sk_X509_new_null());
  std::string_view rest = pem;
  for (skip_blank_lines(rest); !rest.empty() || sk_X509_num(chain.get()) == 0;) {
    const auto block = TRY(take_block("the chain", rest));
    if (block.label != "CERTIFICATE") return refuse("the chain holds something other than certificates");
    if (sk_X509_num(chain.get()) > kMaxIntermediates)
      return refuse("the chain holds more than {} certificates after the first", kMaxIntermediates);
    auto certificate = parse<Certificate>(block, d2i_X509);
    if (certificate == nullptr)
      return refuse("certificate {} of the chain cannot be read", sk_X509_num(chain.get()) + 1);
    if (sk_X509_push(chain.get(), certificate.release()) == 1)
      leaf_bytes = static_cast<std::uint32_t>(pem.size() - rest.size());
  }
  return chain;
}

/// By a signature of the key's in place of the leaf's own: that tries the private half too, not only the
/// public one beside it.
bool fits(EVP_PKEY* key, X509* leaf) {
  const Certificate copy(X509_dup(leaf));
  return X509_sign(copy.get(), key, nullptr) > 0 && X509_verify(copy.get(), X509_get0_pubkey(leaf)) == 1;
}

Result<void> check_leaf(X509* leaf) {
  if (X509_check_purpose(leaf, -1, 0) != 1)
    return refuse("the certificate has extensions that cannot be read");
  if (X509_NAME_cmp(X509_get_subject_name(leaf), X509_get_issuer_name(leaf)) == 0)
    return refuse("the certificate is self-signed; one from a CA is needed");
  if (X509_check_ca(leaf) != 0) return refuse("the chain's first certificate is a CA's own, not a server's");
  return {};
}

std::string text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// Empty when it is none.
std::string address_of(const std::string& bytes) {
  std::array<char, INET6_ADDRSTRLEN> address{};
  if (bytes.size() == 4 || bytes.size() == 16)
    ::inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), address.data(), address.size());
  return address.data();
}

/// As bytes: which of them make up a host name, the policy's reader knows.
Result<std::vector<std::string>> names_of(const X509* leaf) {
  const std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>> listed(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
  const int count = listed == nullptr ? 0 : sk_GENERAL_NAME_num(listed.get());
  if (count == 0 || count > kMaxNames)
    return refuse("the certificate has {} subject alternative names; 1 to {} are accepted", count, kMaxNames);
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(listed.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD)
      return refuse("the certificate is also for something that is neither a host name nor an address");
    names.push_back(name->type == GEN_DNS ? text_of(name->d.dNSName)
                                          : address_of(text_of(name->d.iPAddress)));
  }
  // Old clients go by the common name: it must not be one that the policy never saw.
  const X509_NAME* subject = X509_get_subject_name(leaf);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
    names.push_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  for (const auto& name : names)
    if (name.empty() || name.size() > kMaxNameBytes)
      return refuse("the certificate is for a name that is empty or too long");
  return names;
}

/// Signatures, dates and extensions, from the leaf by way of the other certificates to one of `trust`: the
/// way that was found.
Result<Chain> verify(STACK_OF(X509) * chain, X509_STORE* trust, std::time_t when) {
  const std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), trust, sk_X509_value(chain, 0), chain) != 1)
    return refuse("out of memory");
  X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(context.get()), X509_PURPOSE_ANY);
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);  // it may be an intermediate
  X509_STORE_CTX_set_time(context.get(), 0, when);
  if (X509_verify_cert(context.get()) == 1) return Chain(X509_STORE_CTX_get1_chain(context.get()));
  const int error = X509_STORE_CTX_get_error(context.get());
  const bool is_date = error == X509_V_ERR_CERT_NOT_YET_VALID || error == X509_V_ERR_CERT_HAS_EXPIRED;
  return refuse("certificate {} of the chain: {}{}", X509_STORE_CTX_get_error_depth(context.get()) + 1,
                X509_verify_cert_error_string(error), is_date ? "; is this host's clock right?" : "");
}

}  // namespace

Result<TrustStore> read_trust(const Bio& pem) {
  TrustStore store(X509_STORE_new(), X509_STORE_free);
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  int count = 0;
  while (const Certificate certificate{PEM_read_bio_X509(pem.get(), nullptr, no_passphrase, nullptr)})
    count += X509_STORE_add_cert(store.get(), certificate.get());
  if (count == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
    return fail(Error::invalid("a trust file holds no certificates, or broken ones"));
  return store;
}

Result<Verdict> check_pair(std::string_view chain_pem, std::string_view key_pem, X509_STORE* trust,
                           std::time_t now) {
  ERR_clear_error();  // those of the pair before
  Verdict verdict;
  const auto key = TRY(read_key(key_pem));
  const auto chain = TRY(read_chain(chain_pem, verdict.leaf_bytes));
  const int last = sk_X509_num(chain.get()) - 1;
  X509* leaf = sk_X509_value(chain.get(), 0);
  TRY(check_leaf(leaf));
  if (!fits(key.get(), leaf)) return refuse("the key does not belong to the chain's first certificate");
  // The chain's own last certificate is what every other must lead to, in turn.
  const TrustStore own(X509_STORE_new(), X509_STORE_free);
  X509_STORE_add_cert(own.get(), sk_X509_value(chain.get(), last));
  const bool is_early = ASN1_TIME_cmp_time_t(X509_get0_notBefore(leaf), now) > 0;
  const auto when = is_early ? now + kClockTolerance : now;
  const auto path = TRY(verify(chain.get(), own.get(), when));
  for (int i = 0; i <= last; ++i)
    if (i == sk_X509_num(path.get()) ||
        X509_cmp(sk_X509_value(chain.get(), i), sk_X509_value(path.get(), i)) != 0)
      return refuse("certificate {} of the chain was not issued by certificate {}", i, i + 1);
  verdict.names = TRY(names_of(leaf));
  std::tm until{};
  ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &until);  // verify() has read it, too
  verdict.not_after = ::timegm(&until);
  if (trust == nullptr) return verdict;
  if (const auto led = verify(chain.get(), trust, when); !led)
    return refuse("the chain does not lead to the entry's `trust`: {}", led.error().message);
  return verdict;
}

}  // namespace certlatch
