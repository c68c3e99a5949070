// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "worker/role/role.h"
#include "worker/verify/alpn_challenge.h"
#include "worker/verify/served_certificate.h"

namespace certlatch {
namespace {

constexpr std::chrono::minutes kIdle{60};
constexpr std::chrono::seconds kSendDeadline{5}, kPerTry{10};
constexpr std::chrono::milliseconds kPause{200};

Compared compare(const CompareServed& order) {
  const auto wanted = first_certificate(order.chain);
  if (!wanted) return {false, wanted.error().message};
  const Deadline end = in(std::chrono::milliseconds(order.milliseconds));
  for (;;) {
    const auto served = served_certificate(order, in(kPerTry));
    if (served && X509_cmp(served->get(), wanted->get()) == 0) return {true, {}};
    if (std::chrono::steady_clock::now() + kPause >= end) {
      if (!served) return {false, served.error().message};
      return {false, difference_text(**served, **wanted, order.name)};
    }
    std::this_thread::sleep_for(kPause);
  }
}

std::string printable(std::string sentence) {
  std::ranges::replace_if(
      sentence, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return sentence;
}

VerifyAnswer answer_to(const CompareServed& order) {
  auto answer = compare(order);
  answer.sentence = printable(std::move(answer.sentence));
  return answer;
}
VerifyAnswer answer_to(const CompareChallenge& order) {
  auto answer = compare_challenge(order, in(std::chrono::milliseconds(order.milliseconds)));
  answer.sentence = printable(std::move(answer.sentence));
  return answer;
}

Result<void> run(Channel& parent) {
  // OpenSSL's own configuration is read now or never.
  OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
  if (const std::unique_ptr<SSL_CTX, OpensslDeleter<SSL_CTX_free>> first(SSL_CTX_new(TLS_client_method()));
      !first)
    return fail(openssl_error("TLS"));
  RoleLimits limits{.role = "verify", .landlock = {}, .may_open_files = true, .may_connect = true};
  limits.landlock.any_tcp_connect = true;
  for (const char* path :
       {"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"})
    if (::access(path, R_OK) == 0) limits.landlock.paths.push_back({path, PathAccess::read});
  if (auto confined = confine_role(limits); !confined) return confined;
  for (;;) {
    auto order = parent.receive<VerifyOrder>(in(kIdle));
    if (!order) return fail(order.error());
    const auto answer = std::visit([](const auto& body) { return answer_to(body); }, *order);
    if (auto sent = parent.send(answer, in(kSendDeadline)); !sent) return sent;
  }
}

}  // namespace

int verify_role(Channel parent) try {
  const auto done = run(parent);
  if (done || done.error().kind == Error::Kind::closed) return 0;
  fmt::print(stderr, "certlatch: the verify process: {}\n", done.error().message);
  return 1;
} catch (const std::exception& e) {
  fmt::print(stderr, "certlatch: the verify process: {}\n", e.what());
  return 1;
}

}  // namespace certlatch
