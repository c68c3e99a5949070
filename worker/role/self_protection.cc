// SPDX-License-Identifier: MIT
#include "worker/role/self_protection.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace certlatch {
namespace {
bool done = false;
}  // namespace

Result<void> protect_self() {
  constexpr rlimit kNone{0, 0};
  if (::setrlimit(RLIMIT_CORE, &kNone) != 0) return fail(Error::system("setrlimit"));
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail(Error::system("prctl dumpable"));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(Error::system("prctl no_new_privs"));
  done = true;
  return {};
}

bool is_protected() { return done; }

}  // namespace certlatch

#ifdef CERTLATCH_SANITIZED
// LeakSanitizer forks and traces at exit: both are what confinement is there to forbid.
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return certlatch::is_protected() ? 1 : 0; }
#endif
