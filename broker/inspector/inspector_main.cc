// SPDX-License-Identifier: MIT
// certlatch-inspector: parses keys and certificates for the broker, with nothing in its hands. It starts
// without privilege (broker/helper_process.h) and shuts out the file system, the network and nearly every
// system call before the first key reaches it.
//
//   certlatch-inspector [TRUST]...    for each install entry the descriptor of its trust file, or an empty
//   word
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <map>
#include <span>

#include "broker/inspector/inspector.h"
#include "broker/inspector/pair_check.h"
#include "protocol/landlock.h"
#include "protocol/system_call_filter.h"

namespace certlatch {
namespace {

constexpr unsigned kInspectionSeconds = 6;  // a second more than the broker waits
constexpr std::size_t kSecureHeap = 256 * 1024;

Result<void> confine() {
  if (const auto landlock = apply_landlock({}); !landlock) return fail(landlock.error());
  constexpr std::pair<__rlimit_resource, rlim_t> kLimits[] = {
      {RLIMIT_NOFILE, 1},  // no descriptor beside those that are open, and poll() of one
      {RLIMIT_NPROC, 0},
      {RLIMIT_FSIZE, 0},
      {RLIMIT_CORE, 0},
      {RLIMIT_CPU, 600},     // seconds, in its whole life
#ifndef CERTLATCH_SANITIZED  // whose shadow memory is terabytes of addresses
      {RLIMIT_AS, 256 * 1024 * 1024},
#endif
  };
  for (const auto& [what, value] : kLimits)
    if (const rlimit both{value, value}; ::setrlimit(what, &both) != 0)
      return fail(Error::system("setrlimit"));
  SystemCallFilter filter;
  allow_basics(filter);
  filter.allow({SCMP_SYS(sendto), SCMP_SYS(time), SCMP_SYS(alarm)});
  return filter.load();
}

/// Loads all that would need a file later: no configuration, no engine, the time zone, the random generator.
bool prepare_openssl() {
  unsigned char byte = 0;
  ::tzset();
  return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
                                 OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS |
                                 OPENSSL_INIT_NO_ATEXIT,
                             nullptr) == 1 &&
         CRYPTO_secure_malloc_init(kSecureHeap, 16) != 0 && RAND_bytes(&byte, 1) == 1 &&
         RAND_priv_bytes(&byte, 1) == 1;
}

/// For each entry the certificates that its chain must lead to, if any; several may share a file.
Result<std::vector<TrustStore>> read_all_trust(std::span<char*> descriptors) {
  std::vector<TrustStore> trust;
  std::map<std::string, TrustStore> stores{{"", nullptr}};
  for (const char* descriptor : descriptors) {
    if (!stores.contains(descriptor)) {
      auto store = read_trust(Bio(BIO_new_fd(std::atoi(descriptor), BIO_CLOSE)));
      if (!store) return fail(store.error());
      stores[descriptor] = std::move(*store);
    }
    trust.push_back(stores[descriptor]);
  }
  return trust;
}

/// Until the broker closes its end, or asks what makes no sense.
void serve(Channel& broker, std::span<char*> descriptors) {
  const auto trust = read_all_trust(descriptors);
  const auto confined = trust ? confine() : fail(trust.error());
  Verdict answer{.refusal = confined ? "" : confined.error().message};
  while (broker.send(std::variant<Verdict>(std::move(answer)), in(kFrameDeadline)) && confined) {
    auto question = broker.receive<std::variant<Inspect>>(Deadline::max());
    if (!question) return;
    const auto& pair = std::get<0>(*question);
    if (pair.entry >= trust->size()) return;
    // The broker has no right to kill: an inspection that does not end does so by itself.
    ::alarm(kInspectionSeconds);
    auto verdict = check_pair(pair.chain, pair.key.text(), (*trust)[pair.entry].get(), ::time(nullptr));
    ::alarm(0);
    answer = verdict ? std::move(*verdict) : Verdict{.refusal = verdict.error().message};
  }
}

}  // namespace
}  // namespace certlatch

int main(int argc, char** argv) {
  // Before anything else: another process of uid nobody must not look in.
  ::prctl(PR_SET_DUMPABLE, 0);
  ::prctl(PR_SET_NAME, "certlatch-inspe");  // executed by descriptor, it would be called by that number
  if (argc < 1 || !certlatch::init_secrets() || !certlatch::prepare_openssl()) return 1;
  certlatch::Channel broker{certlatch::UniqueFd(certlatch::kHelperSocket)};
  certlatch::serve(broker, std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  ::_exit(0);  // destructors and atexit() would want more than is left to this process
}
