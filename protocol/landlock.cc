// SPDX-License-Identifier: MIT
#include "protocol/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "protocol/unique_fd.h"

namespace certlatch {
namespace {

// As linux/landlock.h of Linux 6.12 has them; the numbers are the kernel's interface and do not change.
constexpr std::uint64_t kAllFs = (1 << 16) - 1, kTruncate = 1 << 14;
constexpr std::uint64_t kScopeAbstractUnix = 1 << 0, kScopeSignal = 1 << 1;
struct RulesetAttributes {
  std::uint64_t handled_fs, handled_net, scoped;
};
constexpr std::uint64_t kToMaintain =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate |
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;

long create_ruleset(const RulesetAttributes* attributes, std::size_t size, unsigned flags) {
  return ::syscall(SYS_landlock_create_ruleset, attributes, size, flags);
}

}  // namespace

Result<void> allow_path(int ruleset, const std::string& path, std::uint64_t rights) {
  const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd.is_open()) return fail(Error::system("open " + path));
  const landlock_path_beneath_attr rule{rights, fd.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    return fail(Error::system("landlock_add_rule " + path));
  return {};
}

Result<int> apply_landlock(const std::vector<std::string>& directories, const LandlockExtras& extras) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(Error::system("prctl no_new_privs"));
  const auto abi = static_cast<int>(create_ruleset(nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) return 0;
  if (abi < 0) return fail(Error::system("landlock_create_ruleset"));
  // The rights of files became more with ABI 2 (to move between directories, always refused before), 3
  // (truncate) and 5 (ioctl of devices).
  const std::uint64_t handled_fs = kAllFs >> (abi < 2 ? 3 : abi < 3 ? 2 : abi < 5 ? 1 : 0);
  const RulesetAttributes attributes{handled_fs, extras.handled_tcp, kScopeAbstractUnix | kScopeSignal};
  // An older kernel refuses a structure that is longer than its own.
  const UniqueFd ruleset(static_cast<int>(create_ruleset(&attributes, abi < 4 ? 8 : abi < 6 ? 16 : 24, 0)));
  if (!ruleset.is_open()) return fail(Error::system("landlock_create_ruleset"));
  for (const auto& directory : directories)
    TRY(allow_path(ruleset.get(), directory, kToMaintain & handled_fs));
  if (extras.add_rules) TRY(extras.add_rules(ruleset.get(), abi));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return fail(Error::system("landlock_restrict_self"));
  return abi;
}

}  // namespace certlatch
