// SPDX-License-Identifier: MIT
#include "protocol/landlock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <utility>

#include "protocol/unique_fd.h"

namespace certlatch {
namespace {

// linux/landlock.h of Linux 6.12; the numbers are the kernel's interface and do not change.
constexpr std::uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadDir = 1 << 3,
                        kRemoveDir = 1 << 4, kRemoveFile = 1 << 5, kMakeDir = 1 << 7, kMakeReg = 1 << 8,
                        kMakeSym = 1 << 12, kRefer = 1 << 13, kTruncate = 1 << 14, kIoctlDev = 1 << 15;
constexpr std::uint64_t kAllFs = (1 << 16) - 1;
constexpr std::uint64_t kForFiles = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;
constexpr std::uint64_t kToRead = kReadFile | kReadDir;
constexpr std::uint64_t kToMaintain =
    kToRead | kWriteFile | kTruncate | kRemoveDir | kRemoveFile | kMakeDir | kMakeReg | kMakeSym | kRefer;
constexpr std::uint64_t kBindTcp = 1 << 0, kConnectTcp = 1 << 1;
constexpr std::uint64_t kScopeAbstractUnix = 1 << 0, kScopeSignal = 1 << 1;
constexpr unsigned kCreateRulesetVersion = 1;
constexpr int kRulePathBeneath = 1, kRuleNetPort = 2;

struct RulesetAttributes {
  std::uint64_t handled_fs, handled_net, scoped;
};
struct [[gnu::packed]] PathBeneath {
  std::uint64_t allowed;
  std::int32_t parent;
};
struct NetPort {
  std::uint64_t allowed, port;
};

// The system call numbers are the same on every architecture.
long create_ruleset(const RulesetAttributes* attributes, std::size_t size, unsigned flags) {
  return ::syscall(444, attributes, size, flags);
}
long add_rule(int ruleset, int type, const void* rule) { return ::syscall(445, ruleset, type, rule, 0); }
long restrict_self(int ruleset) { return ::syscall(446, ruleset, 0); }

Result<void> allow_path(int ruleset, const LandlockPath& entry, std::uint64_t handled) {
  const UniqueFd fd(::open(entry.path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd.is_open()) return fail(Error::system("open " + entry.path));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail(Error::system("fstat " + entry.path));
  std::uint64_t allowed = (entry.access == PathAccess::read ? kToRead : kToMaintain) & handled;
  if (!S_ISDIR(status.st_mode)) allowed &= kForFiles;
  const PathBeneath rule{allowed, fd.get()};
  if (add_rule(ruleset, kRulePathBeneath, &rule) != 0)
    return fail(Error::system("landlock_add_rule " + entry.path));
  return {};
}

}  // namespace

Result<int> apply_landlock(const LandlockRules& rules) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(Error::system("prctl no_new_privs"));
  const auto abi = static_cast<int>(create_ruleset(nullptr, 0, kCreateRulesetVersion));
  if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) return 0;
  if (abi < 0) return fail(Error::system("landlock_create_ruleset"));

  RulesetAttributes attributes{kAllFs, kBindTcp | (rules.any_tcp_connect ? 0 : kConnectTcp),
                               kScopeAbstractUnix | kScopeSignal};
  if (abi < 2) attributes.handled_fs &= ~kRefer;  // which is always refused then
  if (abi < 3) attributes.handled_fs &= ~kTruncate;
  if (abi < 4) attributes.handled_net = 0;
  if (abi < 5) attributes.handled_fs &= ~kIoctlDev;
  if (abi < 6) attributes.scoped = 0;
  // An older kernel refuses a structure that is longer than its own.
  const UniqueFd ruleset(static_cast<int>(create_ruleset(&attributes, abi < 4 ? 8 : abi < 6 ? 16 : 24, 0)));
  if (!ruleset.is_open()) return fail(Error::system("landlock_create_ruleset"));
  for (const auto& path : rules.paths)
    if (auto added = allow_path(ruleset.get(), path, attributes.handled_fs); !added)
      return fail(added.error());
  for (const auto& [ports, right] : {std::pair(&rules.tcp_bind, kBindTcp), {&rules.tcp_connect, kConnectTcp}})
    for (const auto port : *ports)
      if (const NetPort rule{right, port};
          attributes.handled_net != 0 && add_rule(ruleset.get(), kRuleNetPort, &rule) != 0)
        return fail(Error::system(fmt::format("landlock_add_rule port {}", port)));
  if (restrict_self(ruleset.get()) != 0) return fail(Error::system("landlock_restrict_self"));
  return abi;
}

}  // namespace certlatch
