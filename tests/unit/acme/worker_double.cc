// SPDX-License-Identifier: MIT
#include "tests/unit/acme/worker_double.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "worker/acme/url.h"
#include "worker/keeper/openssl_types.h"
#include "worker/role/role.h"

using namespace certlatch;
using std::chrono::seconds;

namespace {

constexpr seconds kPatience{60};

std::pair<UniqueFd, UniqueFd> joined() {
  int ends[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

int status_of(pid_t& pid) {
  int status = -1;
  if (pid > 0) ::waitpid(pid, &status, 0);
  pid = -1;
  return status;
}

}  // namespace

WorkerDouble::WorkerDouble(const std::string& state, std::vector<CaSettings> cas, KeyType account_key,
                           std::uint32_t parallel, std::vector<CaSecrets> secrets)
    : ca_(cas.front().name) {
  auto [to_acme, acme_parent] = joined();
  auto [to_keeper, keeper_parent] = joined();
  auto [acme_keeper, keeper_acme] = joined();
  keeper_pid_ = ::fork();
  REQUIRE(keeper_pid_ >= 0);
  if (keeper_pid_ == 0) {
    for (auto* foreign : {&to_acme, &acme_parent, &to_keeper, &acme_keeper}) foreign->reset();
    ::_exit(keeper_role(Channel(std::move(keeper_parent)), Channel(std::move(keeper_acme))));
  }
  acme_pid_ = ::fork();
  REQUIRE(acme_pid_ >= 0);
  if (acme_pid_ == 0) {
    for (auto* foreign : {&to_acme, &keeper_parent, &to_keeper, &keeper_acme}) foreign->reset();
    ::_exit(acme_role(Channel(std::move(acme_parent)), Channel(std::move(acme_keeper))));
  }
  acme_.emplace(std::move(to_acme));
  keeper_.emplace(std::move(to_keeper));
  REQUIRE(keeper_->send(
      KeeperOrder(KeeperStart{state + "/accounts", state + "/certificates", std::move(secrets)}),
      in(kPatience)));
  for (const auto& ca : cas) {
    const auto answer = ask_keeper(UseAccount{ca.name, std::string(origin_of(ca.directory)), account_key});
    REQUIRE(std::holds_alternative<AccountReady>(answer));
  }
  tell_acme(AcmeStart{std::move(cas), "certlatch/test", parallel});
}

WorkerDouble::~WorkerDouble() {
  acme_.reset();
  keeper_.reset();
  status_of(acme_pid_);
  status_of(keeper_pid_);
}

KeeperAnswer WorkerDouble::ask_keeper(const KeeperOrder& order) {
  REQUIRE(keeper_->send(order, in(kPatience)));
  auto answer = keeper_->receive<KeeperAnswer>(in(kPatience));
  REQUIRE(answer);
  return std::move(*answer);
}

void WorkerDouble::tell_acme(const AcmeOrder& order) { REQUIRE(acme_->send(order, in(kPatience))); }

AcmeAnswer WorkerDouble::hear_acme(seconds patience) {
  const auto deadline = in(patience);
  for (;;) {
    auto answer = acme_->receive<AcmeAnswer>(deadline);
    if (!answer) FAIL(answer.error().message);
    if (auto* account = std::get_if<AccountKnown>(&*answer))
      accounts.push_back(*account);
    else if (auto* line = std::get_if<Spoke>(&*answer))
      spoken.push_back(line->line);
    else if (!std::holds_alternative<Progress>(*answer))
      return std::move(*answer);
  }
}

void WorkerDouble::show(const AcmeAnswer& answer) {
  if (const auto* failed = std::get_if<OrderFailed>(&answer))
    MESSAGE(failed->sentence << " | " << failed->type << " | " << failed->detail);
}

Issued WorkerDouble::issue(std::uint32_t id, const std::string& certificate,
                           const std::vector<std::string>& names, KeyType type,
                           const std::string& order_url) {
  tell_acme(PlaceOrder{id, ca_, names, order_url});
  const auto ready = hear<OrderReady>();
  CHECK(ready.id == id);
  if (!ready.challenges.empty()) {
    tell_acme(Validate{id});
    CHECK(hear<Validated>().id == id);
  }
  auto request = ask_keeper(MakeRequest{certificate, names, type, order_url.empty()});
  REQUIRE(std::holds_alternative<RequestReady>(request));
  tell_acme(Finalize{id, std::get<RequestReady>(request).csr});
  return hear<Issued>();
}

bool WorkerDouble::fits(const Issued& issued, const std::string& certificate) {
  auto taken = ask_keeper(TakeKey{certificate});
  REQUIRE(std::holds_alternative<KeyTaken>(taken));
  const auto& pem = std::get<KeyTaken>(taken).key;
  const Bio key_text(BIO_new_mem_buf(pem.text().data(), static_cast<int>(pem.size())));
  const PrivateKey key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  const Bio chain_text(BIO_new_mem_buf(issued.chain.data(), static_cast<int>(issued.chain.size())));
  const std::unique_ptr<X509, OpensslDeleter<X509_free>> leaf(
      PEM_read_bio_X509(chain_text.get(), nullptr, nullptr, nullptr));
  REQUIRE(key);
  REQUIRE(leaf);
  return X509_check_private_key(leaf.get(), key.get()) == 1;
}

int WorkerDouble::end_acme() {
  acme_.reset();
  const int status = status_of(acme_pid_);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void WorkerDouble::end_keeper() {
  keeper_.reset();
  status_of(keeper_pid_);
}
