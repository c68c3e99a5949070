// SPDX-License-Identifier: MIT
// certlatch-inspector: parses keys and certificates for the broker, with nothing in its hands. It starts
// without privilege (broker/inspector/inspector.cc) and shuts out the file system, the network and nearly
// every system call before the first key reaches it.
//
//   certlatch-inspector [ENTRY TRUST]...    each install entry, and the descriptor of its trust file or an
//   empty word
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
  TRY(apply_landlock({}));
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

/// Loads all that would need a file later: no configuration, the time zone, the random generator.
bool prepare_openssl() {
  unsigned char byte = 0;
  ::tzset();
  return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr) == 1 &&
         CRYPTO_secure_malloc_init(kSecureHeap, 16) != 0 && RAND_priv_bytes(&byte, 1) == 1;
}

/// For each entry the certificates that its chain must lead to, if any; several may share a file. What
/// follows is confined.
Result<std::map<std::string, TrustStore>> prepare(std::span<char*> arguments) {
  std::map<std::string, TrustStore> trust, stores{{"", nullptr}};
  for (; arguments.size() >= 2; arguments = arguments.subspan(2)) {
    const char* descriptor = arguments[1];
    if (!stores.contains(descriptor))
      stores[descriptor] = TRY(read_trust(Bio(BIO_new_fd(std::atoi(descriptor), BIO_CLOSE))));
    trust[arguments[0]] = stores[descriptor];
  }
  TRY(confine());
  return trust;
}

/// Until the broker closes its end, or asks what makes no sense.
void serve(std::span<char*> arguments) {
  Channel broker{UniqueFd(kHelperSocket)};
  const auto trust = prepare(arguments);
  Verdict answer{.refusal = trust ? "" : trust.error().message};
  while (broker.send(answer, in(kFrameDeadline)) && trust) {
    const auto pair = broker.receive<Install>(Deadline::max());
    if (!pair) return;
    const auto entry = trust->find(pair->entry);
    if (entry == trust->end()) return;
    // The broker has no right to kill: an inspection that does not end does so by itself.
    ::alarm(kInspectionSeconds);
    auto verdict = check_pair(pair->chain, pair->key.text(), entry->second.get(), ::time(nullptr));
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
  certlatch::serve(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  ::_exit(0);  // destructors and atexit() would want more than is left to this process
}
