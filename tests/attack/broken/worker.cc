// SPDX-License-Identifier: MIT
// certlatch with a back door, for tests alone: each role makes one attempt as soon as it is confined.
#include "tests/attack/broken/attempt.h"
#include "worker/role/role.h"

namespace certlatch {

Result<void> broken_confine(const RoleLimits& limits) asm(
    "__wrap__ZN9certlatch12confine_roleERKNS_10RoleLimitsE");
Result<void> real_confine(const RoleLimits& limits) asm(
    "__real__ZN9certlatch12confine_roleERKNS_10RoleLimitsE");

Result<void> broken_confine(const RoleLimits& limits) {
  auto confined = real_confine(limits);
  if (const char* name = attack::attempt_for(limits.role); confined && name != nullptr) attack::perform(name);
  return confined;
}

}  // namespace certlatch
