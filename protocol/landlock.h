// SPDX-License-Identifier: MIT
// Landlock by system call, landlock(7): Debian 12's headers stop at ABI 2, the kernels it meets do not. Used
// by the broker and by every role of the worker. It restricts the calling thread: apply it before any other
// exists.
//
// What it never restricts, on any ABI (seccomp must): chmod, chown, setxattr, utime, connect to a Unix socket
// by path, UDP, listen without bind, stat.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "protocol/result.h"

namespace certlatch {

inline constexpr std::uint64_t kBindTcp = 1 << 0, kConnectTcp = 1 << 1;

/// What more than its directories a process is left with.
struct LandlockExtras {
  std::uint64_t handled_tcp = kBindTcp | kConnectTcp;             // refused, but for ports that are added
  std::function<Result<void>(int ruleset, int abi)> add_rules{};  // by allow_path(), or landlock_add_rule(2)
};

/// Sets no_new_privs and restricts the calling thread for good. Of the file system it keeps `directories`
/// (absolute, and they exist), where it may read, write, create, truncate, rename and remove regular files,
/// directories and symbolic links; and no TCP. Returns the kernel's Landlock ABI; 0 when it has none, or none
/// enabled at boot: nothing is in force then, and the caller decides. Below ABI 3 truncate() is not
/// restricted, below 4 TCP, below 5 ioctl() on devices, below 6 signals and abstract Unix sockets.
/// Kind::system when a rule cannot be made or applied: nothing is in force.
[[nodiscard]] Result<int> apply_landlock(const std::vector<std::string>& directories,
                                         const LandlockExtras& extras = {});

/// Adds `rights` (LANDLOCK_ACCESS_FS_*, of those that a file has when it is one) at and below a path.
[[nodiscard]] Result<void> allow_path(int ruleset, const std::string& path, std::uint64_t rights);

}  // namespace certlatch
