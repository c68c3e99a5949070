// SPDX-License-Identifier: MIT
#include "worker/keeper/keeper.h"

#include <doctest/doctest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstring>
#include <fstream>
#include <span>

#include "protocol/channel.h"
#include "tests/unit/acme/open_keeper.h"
#include "worker/keeper/private_key.h"
#include "worker/role/role.h"

using namespace certlatch;
using namespace std::chrono_literals;

namespace {

constexpr auto kPatience = 30s;  // RSA with 4096 bits under sanitizers

std::pair<UniqueFd, UniqueFd> joined() {
  int ends[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

SignatureOrder order_for(std::string url) {
  return SignJws{
      .ca = "ca", .url = std::move(url), .nonce = "nonce", .kid = "https://ca.test/1", .payload = ""};
}

/// A keeper in a process of its own.
struct RunningKeeper {
  explicit RunningKeeper(const TempDirectory& temp) {
    auto [main_end, parent_end] = joined();
    auto [acme_end, keeper_end] = joined();
    pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      main_end.reset();
      acme_end.reset();
      ::_exit(keeper_role(Channel(std::move(parent_end)), Channel(std::move(keeper_end))));
    }
    main_process.emplace(std::move(main_end));
    acme_process.emplace(std::move(acme_end));
    REQUIRE(main_process->send(KeeperOrder(KeeperStart{temp / "accounts", temp / "certificates"}),
                               in(kPatience)));
  }
  ~RunningKeeper() {
    main_process.reset();
    if (pid > 0) ::waitpid(pid, nullptr, 0);
  }
  KeeperAnswer ask(const KeeperOrder& order) {
    REQUIRE(main_process->send(order, in(kPatience)));
    auto answer = main_process->receive<KeeperAnswer>(in(kPatience));
    REQUIRE(answer);
    return std::move(*answer);
  }

  pid_t pid = -1;
  std::optional<Channel> main_process;
  std::optional<Channel> acme_process;
};

}  // namespace

namespace {

/// The mapping that holds OpenSSL's secure heap.
std::span<const std::byte> secure_heap() {
  void* inside = OPENSSL_secure_malloc(1);
  REQUIRE(CRYPTO_secure_allocated(inside) == 1);
  const auto address = reinterpret_cast<std::uintptr_t>(inside);
  OPENSSL_secure_free(inside);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    char* rest = nullptr;
    const std::uintptr_t from = std::strtoull(line.c_str(), &rest, 16),
                         to = std::strtoull(rest + 1, &rest, 16);
    if (from <= address && address < to) return {reinterpret_cast<const std::byte*>(from), to - from};
  }
  FAIL("no mapping holds the secure heap");
  return {};
}

bool holds(std::span<const std::byte> memory, std::span<const unsigned char> bytes) {
  return ::memmem(memory.data(), memory.size(), bytes.data(), bytes.size()) != nullptr;
}

/// The private number of a key as OpenSSL lays it out, in a copy that lies elsewhere.
std::vector<unsigned char> private_number(const PrivateKey& key) {
  std::vector<unsigned char> bytes(64);
  std::size_t size = bytes.size();
  if (EVP_PKEY_get_raw_private_key(key.get(), bytes.data(), &size) == 1) {
    bytes.resize(size);
    return bytes;
  }
  BIGNUM* number = nullptr;
  const bool is_rsa = EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA;
  REQUIRE(EVP_PKEY_get_bn_param(key.get(), is_rsa ? OSSL_PKEY_PARAM_RSA_FACTOR1 : OSSL_PKEY_PARAM_PRIV_KEY,
                                &number) == 1);
  bytes.resize(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2lebinpad(number, bytes.data(), static_cast<int>(bytes.size()));
  BN_clear_free(number);
  return bytes;
}

}  // namespace

TEST_CASE("a private key lies in locked memory that is wiped when it goes") {
  REQUIRE(prepare_key_memory());
  const auto heap = secure_heap();
  const auto used = CRYPTO_secure_used();
  for (const auto type : {KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::ed25519, KeyType::rsa_2048}) {
    CAPTURE(static_cast<int>(type));
    auto made = make_private_key(type);
    REQUIRE(made);
    const auto number = private_number(*made);
    CHECK(CRYPTO_secure_used() > used);
    CHECK(holds(heap, number));
    const auto pem = pem_of(*made);
    REQUIRE(pem);
    made->reset();
    CHECK(CRYPTO_secure_used() == used);
    CHECK_FALSE(holds(heap, number));
    auto read = private_key_from(*pem);
    REQUIRE(read);
    CHECK(holds(heap, number));
    read->reset();
    CHECK(CRYPTO_secure_used() == used);
    CHECK_FALSE(holds(heap, number));
  }
}

TEST_CASE("an account's key is made once and used from then on") {
  const TempDirectory temp;
  auto keeper = opened(temp);
  for (const auto type : {KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::ed25519, KeyType::rsa_2048}) {
    const UseAccount use{fmt::format("ca{}", static_cast<int>(type)), "https://ca.test", type};
    const auto first = keeper.answer(KeeperOrder(use));
    REQUIRE(std::holds_alternative<AccountReady>(first));
    CHECK(std::get<AccountReady>(first).is_new);
    CHECK(std::get<AccountReady>(first).thumbprint.size() == 43);
    auto again = opened(temp);
    const auto second = again.answer(KeeperOrder(use));
    REQUIRE(std::holds_alternative<AccountReady>(second));
    CHECK_FALSE(std::get<AccountReady>(second).is_new);
    CHECK(std::get<AccountReady>(second).thumbprint == std::get<AccountReady>(first).thumbprint);
  }
}

TEST_CASE("the account signs for URLs below its origin and for nothing else") {
  const TempDirectory temp;
  auto keeper = opened(temp);
  CHECK(std::holds_alternative<KeeperFailed>(keeper.answer(order_for("https://ca.test/order"))));
  REQUIRE(std::holds_alternative<AccountReady>(
      keeper.answer(KeeperOrder(UseAccount{"ca", "https://ca.test", KeyType::ecdsa_p256}))));
  CHECK(std::holds_alternative<Signed>(keeper.answer(order_for("https://ca.test/order"))));
  for (const auto* url : {"https://ca.test", "https://ca.test.evil.test/order", "https://ca.test:444/order",
                          "https://CA.test/order", "http://ca.test/order", "https://ca.test@evil.test/order",
                          "https://other.test/order", "https://ca.tes", ""}) {
    CAPTURE(url);
    CHECK(std::holds_alternative<KeeperFailed>(keeper.answer(order_for(url))));
  }
  for (const auto* origin : {"https://", "http://ca.test", "https://ca.test/", "https://user@ca.test", ""}) {
    CAPTURE(origin);
    CHECK(std::holds_alternative<KeeperFailed>(
        keeper.answer(KeeperOrder(UseAccount{"ca", origin, KeyType::ecdsa_p256}))));
  }
}

TEST_CASE("a certificate's key is made, kept for a second attempt, handed out and forgotten") {
  const TempDirectory temp;
  auto keeper = opened(temp);
  const auto key_after = [&](MakeRequest request) {
    REQUIRE(std::holds_alternative<RequestReady>(keeper.answer(KeeperOrder(std::move(request)))));
    auto taken = keeper.answer(KeeperOrder(TakeKey{"a"}));
    REQUIRE(std::holds_alternative<KeyTaken>(taken));
    return std::string(std::get<KeyTaken>(taken).key.text());
  };
  const auto first = key_after({"a", {"example.org"}, KeyType::ecdsa_p256, true});
  CHECK(first.starts_with("-----BEGIN PRIVATE KEY-----\n"));
  CHECK(key_after({"a", {"example.org"}, KeyType::ecdsa_p256, false}) == first);
  const auto other_type = key_after({"a", {"example.org"}, KeyType::ecdsa_p384, false});
  CHECK(other_type != first);
  CHECK(key_after({"a", {"example.org"}, KeyType::ecdsa_p384, true}) != other_type);
  CHECK(std::holds_alternative<KeeperDone>(keeper.answer(KeeperOrder(ForgetKey{"a"}))));
  CHECK(std::holds_alternative<KeeperFailed>(keeper.answer(KeeperOrder(TakeKey{"a"}))));
}

TEST_CASE("a key file that is damaged is named in the error") {
  const TempDirectory temp;
  auto keeper = opened(temp);
  std::filesystem::create_directories(temp / "accounts/ca");
  for (const auto* text :
       {"nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"}) {
    std::ofstream(temp / "accounts/ca/key.pem") << text;
    const auto answer = keeper.answer(KeeperOrder(UseAccount{"ca", "https://ca.test", KeyType::ecdsa_p256}));
    REQUIRE(std::holds_alternative<KeeperFailed>(answer));
    CHECK(std::get<KeeperFailed>(answer).sentence.find("accounts/ca/key.pem") != std::string::npos);
  }
}

TEST_CASE("the keeper serves both channels and leaves with the main process") {
  const TempDirectory temp;
  RunningKeeper keeper(temp);
  CHECK(std::holds_alternative<AccountReady>(
      keeper.ask(UseAccount{"ca", "https://ca.test", KeyType::ecdsa_p256})));
  REQUIRE(keeper.acme_process->send(order_for("https://ca.test/order"), in(kPatience)));
  const auto answer = keeper.acme_process->receive<SignatureAnswer>(in(kPatience));
  REQUIRE(answer);
  CHECK(std::holds_alternative<Signed>(*answer));
  CHECK(std::holds_alternative<RequestReady>(keeper.ask(MakeRequest{"a", {"example.org"}})));
  keeper.main_process.reset();
  int status = -1;
  REQUIRE(::waitpid(keeper.pid, &status, 0) == keeper.pid);
  keeper.pid = -1;
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("acme cannot take a key: anything but SignJws ends its service, not the main process's") {
  const TempDirectory temp;
  RunningKeeper keeper(temp);
  CHECK(std::holds_alternative<RequestReady>(keeper.ask(MakeRequest{"a", {"example.org"}})));
  REQUIRE(keeper.acme_process->send(KeeperOrder(TakeKey{"a"}), in(kPatience)));
  const auto answer = keeper.acme_process->receive<SignatureAnswer>(in(kPatience));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::closed);
  CHECK(std::holds_alternative<KeyTaken>(keeper.ask(TakeKey{"a"})));
}

TEST_CASE("the keeper answers the main process while acme neither finishes a message nor reads") {
  const TempDirectory temp;
  RunningKeeper keeper(temp);
  CHECK(std::holds_alternative<AccountReady>(
      keeper.ask(UseAccount{"ca", "https://ca.test", KeyType::ecdsa_p256})));
  // Never reading: the keeper's answers fill the socket, then it gives acme up.
  for (int i = 0; i < 100; ++i) {
    auto order = std::get<SignJws>(order_for("https://ca.test/order"));
    order.payload = std::string(20'000, ' ');
    if (!keeper.acme_process->send(SignatureOrder(order), in(100ms))) break;
  }
  CHECK(std::holds_alternative<RequestReady>(keeper.ask(MakeRequest{"a", {"example.org"}})));
}

TEST_CASE("a signature that does not fit into a frame is refused, not dropped") {
  const TempDirectory temp;
  RunningKeeper keeper(temp);
  CHECK(std::holds_alternative<AccountReady>(
      keeper.ask(UseAccount{"ca", "https://ca.test", KeyType::ecdsa_p256})));
  auto order = std::get<SignJws>(order_for("https://ca.test/order"));
  order.payload = std::string(60'000, ' ');
  REQUIRE(keeper.acme_process->send(SignatureOrder(order), in(kPatience)));
  const auto answer = keeper.acme_process->receive<SignatureAnswer>(in(kPatience));
  REQUIRE(answer);
  CHECK(std::holds_alternative<KeeperFailed>(*answer));
}
