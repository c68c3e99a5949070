// SPDX-License-Identifier: MIT
// Landlock by system call, landlock(7): Debian 12's headers stop at ABI 2, the kernels it meets do not. Used
// by the broker and by every role of the worker. It restricts the calling thread: apply it before any other
// exists.
//
// What it never restricts, on any ABI (seccomp must): chmod, chown, setxattr, utime, connect to a Unix socket
// by path, UDP, listen without bind, stat.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/result.h"

namespace certlatch {

/// What a process may do at and below a path.
enum class PathAccess : std::uint8_t {
  read,      // open files to read, list directories
  maintain,  // read, write, create, truncate, rename and remove regular files, directories and symbolic links
};

struct LandlockPath {
  std::string path;  // absolute; a file or a directory that exists
  PathAccess access = PathAccess::read;
};

struct LandlockRules {
  std::vector<LandlockPath> paths;         // everything else in the file system is refused
  std::vector<std::uint16_t> tcp_bind;     // ports; all others are refused
  std::vector<std::uint16_t> tcp_connect;  // ports; all others are refused
  bool any_tcp_connect = false;            // leave outgoing TCP alone
};

/// Sets no_new_privs and restricts the calling thread for good. Returns the kernel's Landlock ABI; 0 when it
/// has none, or none enabled at boot: nothing is in force then, and the caller decides. Below ABI 3
/// truncate() is not restricted, below 4 TCP, below 5 ioctl() on devices, below 6 signals and abstract Unix
/// sockets. Kind::system when a rule cannot be made or applied: nothing is in force.
[[nodiscard]] Result<int> apply_landlock(const LandlockRules& rules);

}  // namespace certlatch
