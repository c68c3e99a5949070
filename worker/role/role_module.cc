// SPDX-License-Identifier: MIT
// The one function that a role's module shows: CERTLATCH_ROLE's own main function, which has what the program
// has not (its libraries).
#include "worker/role/loaded_role.h"
#include "worker/role/role.h"
#include "worker/role/self_protection.h"

extern "C" int certlatch_run_role(certlatch::Channel* parent, certlatch::Channel* other) {
  // The program has done so already, which this copy of the code cannot know.
  if (!certlatch::protect_self()) return 1;
#ifdef CERTLATCH_ROLE_HAS_OTHER
  return certlatch::CERTLATCH_ROLE(std::move(*parent), std::move(*other));
#else
  (void)other;
  return certlatch::CERTLATCH_ROLE(std::move(*parent));
#endif
}
