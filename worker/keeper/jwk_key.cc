// SPDX-License-Identifier: MIT
#include "worker/keeper/jwk_key.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <sodium.h>

#include <array>
#include <map>
#include <span>
#include <vector>

#include "worker/keeper/private_key.h"

namespace certlatch {
namespace {

using KeyContext = std::unique_ptr<EVP_PKEY_CTX, OpensslDeleter<EVP_PKEY_CTX_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, OpensslDeleter<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, OpensslDeleter<OSSL_PARAM_free>>;
using PrivateNumber = std::unique_ptr<BIGNUM, OpensslDeleter<BN_clear_free>>;

struct Member {
  const char* name;
  const char* parameter;
};
constexpr std::array<Member, 8> kRsaMembers{{{"n", OSSL_PKEY_PARAM_RSA_N},
                                             {"e", OSSL_PKEY_PARAM_RSA_E},
                                             {"d", OSSL_PKEY_PARAM_RSA_D},
                                             {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
                                             {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
                                             {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
                                             {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
                                             {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}}};

struct Curve {
  std::string_view name;  // "crv"
  const char* group;      // OpenSSL's
  std::size_t bytes;      // of a number
};
constexpr std::array<Curve, 2> kCurves{{{"P-256", SN_X9_62_prime256v1, 32}, {"P-384", SN_secp384r1, 48}}};

/// The members of a flat JSON object whose values are strings without escapes; others are left out. Views
/// into `text`: nothing of it is copied.
Result<std::map<std::string_view, std::string_view>> members_of(std::string_view text) {
  std::map<std::string_view, std::string_view> members;
  const auto skip = [&](std::string_view what) {
    const auto at = text.find_first_not_of(what);
    text.remove_prefix(at == text.npos ? text.size() : at);
  };
  const auto quoted = [&]() -> std::string_view {
    const auto end = text.find('"', 1);
    if (text.empty() || text.front() != '"' || end == text.npos) return {};
    const auto inner = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    return inner;
  };
  constexpr std::string_view kBlanks = " \t\r\n";
  skip(kBlanks);
  if (text.empty() || text.front() != '{') return fail(Error::invalid("not a JSON Web Key"));
  text.remove_prefix(1);
  for (;;) {
    skip(" \t\r\n,");
    if (!text.empty() && text.front() == '}') return members;
    const auto name = quoted();
    skip(" \t\r\n:");
    const auto value = quoted();
    if (name.empty() || value.empty() || name.contains('\\') || value.contains('\\'))
      return fail(Error::invalid("not a JSON Web Key: it is an object of plain texts"));
    members[name] = value;
  }
}

Result<Secret> decoded(const std::map<std::string_view, std::string_view>& members, std::string_view name) {
  const auto found = members.find(name);
  const std::string_view text = found == members.end() ? std::string_view() : found->second;
  Secret room(text.size() + 1);
  std::size_t size = 0;
  if (text.empty() ||
      sodium_base642bin(reinterpret_cast<unsigned char*>(room.bytes().data()), room.size(), text.data(),
                        text.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
    return fail(Error::invalid(fmt::format("the JSON Web Key has no usable member \"{}\"", name)));
  return Secret::copy_of(room.bytes().first(size));
}

Result<PrivateNumber> number_from(const std::map<std::string_view, std::string_view>& members,
                                  std::string_view name) {
  const auto bytes = decoded(members, name);
  if (!bytes) return fail(bytes.error());
  PrivateNumber number(BN_secure_new());
  if (!number || BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes->bytes().data()),
                           static_cast<int>(bytes->size()), number.get()) == nullptr)
    return fail(openssl_error("read a JSON Web Key"));
  return number;
}

Result<PrivateKey> built(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* raw = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_KEYPAIR, parameters.get()) != 1)
    return fail(openssl_error("read a JSON Web Key"));
  PrivateKey key(raw);
  const KeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!check || EVP_PKEY_pairwise_check(check.get()) != 1)
    return fail(openssl_error("the halves of the JSON Web Key do not fit"));
  return key;
}

Result<PrivateKey> rsa_from(const std::map<std::string_view, std::string_view>& members) {
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  std::vector<PrivateNumber> numbers;
  for (const auto& [name, parameter] : kRsaMembers) {
    auto number = number_from(members, name);
    if (!number) return fail(number.error());
    numbers.push_back(std::move(*number));
    if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), parameter, numbers.back().get()) != 1)
      return fail(openssl_error("read a JSON Web Key"));
  }
  return built("RSA", builder.get());
}

Result<PrivateKey> ec_from(const std::map<std::string_view, std::string_view>& members, const Curve& curve) {
  const auto x = decoded(members, "x"), y = decoded(members, "y");
  const auto d = number_from(members, "d");
  if (!x || !y) return fail((x ? y : x).error());
  if (!d) return fail(d.error());
  if (x->size() != curve.bytes || y->size() != curve.bytes)
    return fail(Error::invalid("the JSON Web Key's point is not one of its curve"));
  std::string point = "\x04";
  point.append(x->text()).append(y->text());
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, d->get()) != 1)
    return fail(openssl_error("read a JSON Web Key"));
  return built("EC", builder.get());
}

Result<PrivateKey> ed25519_from(const std::map<std::string_view, std::string_view>& members) {
  const auto d = decoded(members, "d");
  if (!d) return fail(d.error());
  PrivateKey key(EVP_PKEY_new_raw_private_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(d->bytes().data()), d->size()));
  if (!key) return fail(openssl_error("read a JSON Web Key"));
  return key;
}

/// `{"name":"base64url",...}` grown within a Secret of enough room.
class JwkText {
 public:
  explicit JwkText(std::string_view head) : room_(kRoom) { add(head); }
  void member(std::string_view name, std::span<const std::byte> bytes) {
    add(",\"");
    add(name);
    add("\":\"");
    constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    sodium_bin2base64(reinterpret_cast<char*>(room_.bytes().data()) + used_, kRoom - used_,
                      reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), kVariant);
    used_ += sodium_base64_encoded_len(bytes.size(), kVariant) - 1;
    add("\"");
  }
  Result<void> number(const PrivateKey& key, const Member& member_of, std::size_t size) {
    BIGNUM* raw = nullptr;
    if (EVP_PKEY_get_bn_param(key.get(), member_of.parameter, &raw) != 1)
      return fail(openssl_error("read a private key"));
    const PrivateNumber held(raw);
    if (size == 0) size = static_cast<std::size_t>(BN_num_bytes(held.get()));
    Secret bytes(size);
    if (BN_bn2binpad(held.get(), reinterpret_cast<unsigned char*>(bytes.bytes().data()),
                     static_cast<int>(size)) < 0)
      return fail(openssl_error("read a private key"));
    member(member_of.name, bytes.bytes());
    return {};
  }
  Secret take() {
    add("}\n");
    return Secret::copy_of(room_.text().substr(0, used_));
  }

 private:
  static constexpr std::size_t kRoom = 16 * 1024;  // RSA with 4096 bits takes 3.2 KiB
  void add(std::string_view text) {
    text.copy(reinterpret_cast<char*>(room_.bytes().data()) + used_, text.size());
    used_ += text.size();
  }
  Secret room_;
  std::size_t used_ = 0;
};

}  // namespace

Result<Secret> private_jwk_of(const PrivateKey& key) {
  switch (type_of(key)) {
    case KeyType::ed25519: {
      JwkText text(R"({"kty":"OKP","crv":"Ed25519")");
      std::array<std::byte, 32> x{};
      Secret d(32);
      std::size_t x_size = x.size(), d_size = d.size();
      if (EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(x.data()), &x_size) != 1 ||
          EVP_PKEY_get_raw_private_key(key.get(), reinterpret_cast<unsigned char*>(d.bytes().data()),
                                       &d_size) != 1)
        return fail(openssl_error("read a private key"));
      text.member("x", x);
      text.member("d", d.bytes());
      return text.take();
    }
    case KeyType::ecdsa_p256:
    case KeyType::ecdsa_p384: {
      const Curve& curve = kCurves.at(type_of(key) == KeyType::ecdsa_p256 ? 0 : 1);
      JwkText text(fmt::format(R"({{"kty":"EC","crv":"{}")", curve.name));
      for (const Member& one : {Member{"x", OSSL_PKEY_PARAM_EC_PUB_X}, Member{"y", OSSL_PKEY_PARAM_EC_PUB_Y},
                                Member{"d", OSSL_PKEY_PARAM_PRIV_KEY}})
        if (auto added = text.number(key, one, curve.bytes); !added) return fail(added.error());
      return text.take();
    }
    default: {
      JwkText text(R"({"kty":"RSA")");
      for (const Member& one : kRsaMembers)
        if (auto added = text.number(key, one, 0); !added) return fail(added.error());
      return text.take();
    }
  }
}

Result<PrivateKey> private_key_from_jwk(const Secret& text) {
  const auto members = members_of(text.text());
  if (!members) return fail(members.error());
  const auto value = [&](std::string_view name) {
    const auto found = members->find(name);
    return found == members->end() ? std::string_view() : found->second;
  };
  Result<PrivateKey> key =
      fail(Error::invalid("a JSON Web Key of another kind than RSA, EC with P-256 or P-384, and Ed25519"));
  if (value("kty") == "RSA") key = rsa_from(*members);
  if (value("kty") == "OKP" && value("crv") == "Ed25519") key = ed25519_from(*members);
  for (const Curve& curve : kCurves)
    if (value("kty") == "EC" && value("crv") == curve.name) key = ec_from(*members, curve);
  if (!key) return fail(key.error());
  // Through PEM, so that it is held to the same list of types as every other key.
  const auto pem = pem_of(*key);
  if (!pem) return fail(pem.error());
  return private_key_from(*pem);
}

}  // namespace certlatch
