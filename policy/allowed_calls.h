// SPDX-License-Identifier: MIT
// The system calls that are left to the broker once it is confined, as broker/confinement.cc hands them to
// the kernel and `certlatch-policy explain` prints them. Those whose arguments are looked at as well are
// added there.
#pragma once

#include "protocol/system_call_filter.h"

namespace certlatch {

// Whatever their arguments, beside kBasicCalls. Absent on purpose, besides the obvious: socket, connect,
// bind, listen; clone, execve; every call that changes a file by its path from the root (chmod, chown, open,
// openat2); ioctl; sendmsg (it can pass descriptors); ftruncate (of the audit log).
inline constexpr int kAllowedCalls[] = {
    // descriptors that are open
    SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
    SCMP_SYS(fsync), SCMP_SYS(getdents64),
    // single names below a held directory
    SCMP_SYS(mkdirat), SCMP_SYS(unlinkat), SCMP_SYS(symlinkat), SCMP_SYS(readlinkat), SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    // connections and netlink
    SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(getsockopt), SCMP_SYS(rt_sigprocmask)};

}  // namespace certlatch
