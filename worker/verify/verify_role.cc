// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
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
  if (!wanted) return {order.id, false, wanted.error().message};
  const Deadline end = in(std::chrono::milliseconds(order.milliseconds));
  for (;;) {
    const auto served = served_certificate(order, in(kPerTry));
    if (served && X509_cmp(served->get(), wanted->get()) == 0) return {order.id, true, {}};
    if (std::chrono::steady_clock::now() + kPause >= end) {
      if (!served) return {order.id, false, served.error().message};
      return {order.id, false, difference_text(**served, **wanted, order.name)};
    }
    std::this_thread::sleep_for(kPause);
  }
}

std::string printable(std::string sentence) {
  std::ranges::replace_if(
      sentence, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return sentence;
}

/// The parent's end, for answers from several threads.
class Answers {
 public:
  explicit Answers(Channel& parent) : parent_(parent) {}
  Result<void> send(auto answer) {
    answer.sentence = printable(std::move(answer.sentence));
    const std::lock_guard lock(mutex_);
    return parent_.send(VerifyAnswer(std::move(answer)), in(kSendDeadline));
  }

 private:
  std::mutex mutex_;
  Channel& parent_;
};

/// In a thread of its own: a server that does not answer keeps none of the others waiting. How many there may
/// be at once is the parent's business.
Result<void> answer_to(CompareServed order, Answers& answers) {
  const auto answer = [&answers](const CompareServed& asked) {
    try {
      return answers.send(compare(asked));
    } catch (const std::exception& e) {
      return answers.send(Compared{asked.id, false, e.what()});
    }
  };
  try {
    // A parent that does not take the answer ends this process by itself.
    std::thread([order, answer] { (void)answer(order); }).detach();
    return {};
  } catch (const std::system_error&) {
    return answer(order);  // there can be no more threads
  }
}
Result<void> answer_to(const CompareChallenge& order, Answers& answers) {
  return answers.send(compare_challenge(order, in(std::chrono::milliseconds(order.milliseconds))));
}

Result<void> run(Channel& parent, Answers& answers) {
  // OpenSSL's own configuration is read now or never.
  OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
  if (const std::unique_ptr<SSL_CTX, OpensslDeleter<SSL_CTX_free>> first(SSL_CTX_new(TLS_client_method()));
      !first)
    return fail(openssl_error("TLS"));
  RoleLimits limits{.role = "verify",
                    .landlock = {},
                    .may_open_files = true,
                    .may_connect = true,
                    .may_have_threads = true};
  limits.landlock.any_tcp_connect = true;
  for (const char* path :
       {"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"})
    if (::access(path, R_OK) == 0) limits.landlock.paths.push_back({path, PathAccess::read});
  if (auto confined = confine_role(limits); !confined) return confined;
  for (;;) {
    const auto order = parent.receive<VerifyOrder>(in(kIdle));
    if (!order) return fail(order.error());
    TRY(std::visit([&](const auto& body) { return answer_to(body, answers); }, *order));
  }
}
}  // namespace

int verify_role(Channel parent) {
  Answers answers(parent);
  Result<void> done;
  try {
    done = run(parent, answers);
  } catch (const std::exception& e) {
    done = fail(Error::invalid(e.what()));
  }
  const bool is_well = done || done.error().kind == Error::Kind::closed;
  if (!is_well) fmt::print(stderr, "certlatch: the verify process: {}\n", done.error().message);
  // Not by returning: there may be threads left, which use what would be destroyed.
  std::_Exit(is_well ? 0 : 1);
}

}  // namespace certlatch
