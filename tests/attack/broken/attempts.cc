// SPDX-License-Identifier: MIT
// The attempts themselves. Raw system calls: what the C library would do around them is beside the point.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tests/attack/broken/attempt.h"

namespace certlatch::attack {
namespace {

constexpr char kPairs[] = "/etc/ssl/certlatch/example.test";

template <class... Arguments>
long call(long number, Arguments... arguments) {
  return ::syscall(number, arguments...);
}

/// A descriptor that this process holds and that is of the wanted kind; -1 when there is none.
template <class IsWanted>
int held(IsWanted is_wanted) {
  for (int fd = 3; fd < 200; ++fd) {
    struct stat status {};
    if (::fstat(fd, &status) == 0 && is_wanted(fd, status)) return fd;
  }
  return -1;
}

/// The directory in which pairs are installed, as the broker holds it. Without confinement it is opened.
int pairs() {
  struct stat wanted {};
  if (::stat(kPairs, &wanted) != 0) return -1;
  const int fd = held(
      [&](int, const struct stat& it) { return it.st_ino == wanted.st_ino && it.st_dev == wanted.st_dev; });
  return fd >= 0 ? fd : ::open(kPairs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

long below(const char* path, int flags, mode_t mode = 0600) {
  return call(SYS_openat, pairs(), path, flags, mode);
}

int log_file() {
  return held([](int, const struct stat& it) { return S_ISREG(it.st_mode) && it.st_uid == 0; });
}

int netfilter_socket() {
  return held([](int fd, const struct stat& it) {
    int domain = 0, protocol = -1;
    socklen_t size = sizeof domain;
    return S_ISSOCK(it.st_mode) && ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           domain == AF_NETLINK && ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
           protocol == NETLINK_NETFILTER;
  });
}

int unix_datagrams() {
  return held([](int fd, const struct stat& it) {
    int domain = 0, type = 0;
    socklen_t size = sizeof domain;
    return S_ISSOCK(it.st_mode) && ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           domain == AF_UNIX && ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           type == SOCK_DGRAM;
  });
}

/// Of the pairs of this lab's policy, root:ssl-cert; looked up before confinement.
const gid_t kPairsGroup = [] {
  const group* found = ::getgrnam("ssl-cert");
  return found == nullptr ? gid_t(0) : found->gr_gid;
}();

/// The file of root's whose descriptor passing.py, which is the worker's user, passes to whoever listens;
/// without confinement nobody does, and it is opened.
int passed_file() {
  const int listener = held([](int fd, const struct stat& it) {
    int listens = 0;
    socklen_t size = sizeof listens;
    return S_ISSOCK(it.st_mode) && ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
           listens == 1;
  });
  if (listener < 0) return ::open("/run/lab/victim", O_RDONLY | O_CLOEXEC);
  for (int turn = 0; turn < 100; ++turn) {
    pollfd ready{listener, POLLIN, 0};
    if (call(SYS_poll, &ready, 1, 100) <= 0) continue;
    const auto peer = static_cast<int>(call(SYS_accept4, listener, nullptr, nullptr, SOCK_CLOEXEC));
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr header{
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.data(), .msg_controllen = control.size()};
    int fd = -1;
    if (call(SYS_recvmsg, peer, &header, MSG_CMSG_CLOEXEC) == 1 && header.msg_controllen == control.size())
      std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof fd);
    return fd;
  }
  return -1;
}

/// Deletes `table` of family inet over the held netlink socket; the kernel's answer as result and errno.
long delete_table(const char* table) {
  const int fd = netfilter_socket();
  if (fd < 0) return errno = ENOTSOCK, -1;
  struct Message {
    nlmsghdr header;
    nfgenmsg family;
  };
  std::array<unsigned char, 128> batch{};
  std::size_t size = 0;
  const auto add = [&](int type, int flags, std::uint32_t sequence, std::uint8_t family, int resource,
                       const char* name) {
    const std::size_t text = name == nullptr ? 0 : std::strlen(name) + 1;
    const std::size_t attribute = name == nullptr ? 0 : NLMSG_ALIGN(sizeof(nlattr) + text);
    Message message{};
    message.header.nlmsg_len = static_cast<std::uint32_t>(sizeof message + attribute);
    message.header.nlmsg_type = static_cast<std::uint16_t>(type);
    message.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    message.header.nlmsg_seq = sequence;
    message.family.nfgen_family = family;
    message.family.res_id = static_cast<std::uint16_t>(resource << 8);
    std::memcpy(batch.data() + size, &message, sizeof message);
    if (name != nullptr) {
      const nlattr head{static_cast<std::uint16_t>(sizeof head + text), NFTA_TABLE_NAME};
      std::memcpy(batch.data() + size + sizeof message, &head, sizeof head);
      std::memcpy(batch.data() + size + sizeof message + sizeof head, name, text);
    }
    size += sizeof message + attribute;
  };
  constexpr std::uint32_t kSequence = 0x7a11;
  add(NFNL_MSG_BATCH_BEGIN, 0, kSequence, 0, NFNL_SUBSYS_NFTABLES, nullptr);
  add(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE, NLM_F_ACK, kSequence + 1, 1, 0, table);
  add(NFNL_MSG_BATCH_END, 0, kSequence + 2, 0, NFNL_SUBSYS_NFTABLES, nullptr);
  if (call(SYS_sendto, fd, batch.data(), size, 0, nullptr, 0) < 0) return -1;
  for (int i = 0; i < 50; ++i) {
    std::array<unsigned char, 8192> answer{};
    const long got = call(SYS_recvfrom, fd, answer.data(), answer.size(), 0, nullptr, nullptr);
    if (got < 0) return -1;
    nlmsghdr header{};
    std::memcpy(&header, answer.data(), sizeof header);
    if (header.nlmsg_type != NLMSG_ERROR || header.nlmsg_seq != kSequence + 1) continue;
    int error = 0;
    std::memcpy(&error, answer.data() + sizeof header, sizeof error);
    return errno = -error, error;
  }
  return errno = ETIMEDOUT, -1;
}

long write_to_short_path() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "/run/short");
  return call(SYS_sendto, unix_datagrams(), "x", 1, 0, &address, 12);
}

constexpr int kWrite = O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kRead = O_RDONLY | O_NOFOLLOW | O_CLOEXEC;
char* const kNothing[] = {nullptr};
constexpr Attempt kAttempts[] = {
    // ---- files: seccomp says which calls, Landlock which paths
    {"files", "open a file by its path from the root",
     [] { return call(SYS_openat, AT_FDCWD, "/etc/passwd", kRead, 0); }, true},
    {"files", "open(2)", [] { return call(SYS_open, "/etc/passwd", kRead, 0); }, true},
    {"files", "openat2(2)",
     [] {
       std::uint64_t how[3] = {};
       return call(SYS_openat2, pairs(), "live", how, sizeof how);
     }},
    {"files", "read /etc/passwd from an install directory, by `..`",
     [] { return below("../../../passwd", kRead); }, true},
    {"files", "read /etc/passwd from an install directory, by its path",
     [] { return below("/etc/passwd", kRead); }, true},
    {"files", "read /etc/shadow from an install directory", [] { return below("/etc/shadow", kRead); }, true},
    {"files", "read the worker's state",
     [] { return below("/var/lib/certlatch/accounts", kRead | O_DIRECTORY); }, true},
    {"files", "read the policy", [] { return below("/etc/certlatch/policy.conf", kRead); }, true},
    {"files", "read its own memory by /proc/self/mem", [] { return below("/proc/self/mem", kRead); }, true},
    {"files", "read another process's environment", [] { return below("/proc/1/environ", kRead); }, true},
    {"files", "write to the policy", [] { return below("/etc/certlatch/policy.conf", kWrite); }, true},
    {"files", "empty a file of root's", [] { return below("/run/lab/victim", kWrite | O_TRUNC); }, true},
    {"files", "empty a file that is opened to read", [] { return below("/run/lab/victim", kRead | O_TRUNC); },
     true},
    {"files", "make a file in /etc/cron.d", [] { return below("/etc/cron.d/broken", kWrite | O_CREAT); },
     true},
    {"files", "make a file in /tmp", [] { return below("/tmp/broken", kWrite | O_CREAT); }, true},
    {"files", "make a nameless file in /tmp", [] { return below("/tmp", O_WRONLY | O_NOFOLLOW | O_TMPFILE); },
     true},
    {"files", "make a directory in /etc", [] { return call(SYS_mkdirat, pairs(), "../../../broken", 0755); },
     true},
    {"files", "remove a file of root's", [] { return call(SYS_unlinkat, pairs(), "/run/lab/victim", 0); },
     true},
    {"files", "move a file out of an install directory",
     [] { return call(SYS_renameat, pairs(), "plain", pairs(), "../../../broken"); }, true},
    {"files", "move a file into an install directory",
     [] { return call(SYS_renameat, pairs(), "../../../certlatch/policy.conf", pairs(), "mine"); }},
    {"files", "exchange an install directory for another",
     [] { return call(SYS_renameat2, pairs(), "../example.test", pairs(), "../wild", 2); }},
    {"files", "make a symbolic link in /etc",
     [] { return call(SYS_symlinkat, "/etc/shadow", pairs(), "../../../broken"); }, true},
    {"files", "read through a link in an install directory", [] { return below("to-passwd", kRead); }},
    {"files", "read through a link to a directory", [] { return below("to-etc/passwd", kRead); }, true},
    {"files", "follow a link", [] { return below("to-passwd", O_RDONLY); }, true},
    {"files", "make a hard link to a file of root's",
     [] { return call(SYS_linkat, AT_FDCWD, "/run/lab/victim", AT_FDCWD, "/run/lab/hard", 0); }, true},
    {"files", "chmod", [] { return call(SYS_chmod, "/run/lab/victim", 0777); }, true},
    {"files", "fchmodat", [] { return call(SYS_fchmodat, pairs(), "plain", 0777); }, true},
    {"files", "fchmodat2", [] { return call(452, pairs(), "plain", 0777, 0); }},
    {"files", "chown", [] { return call(SYS_chown, "/run/lab/victim", 0, 0); }, true},
    {"files", "fchownat", [] { return call(SYS_fchownat, pairs(), "plain", 0, 0, 0); }, true},
    {"files", "take over a file that the worker passed (fchown)",
     [] { return call(SYS_fchown, passed_file(), ::geteuid(), ::getegid()); }, true},
    {"files", "give a directory of its own to another user",
     [] { return call(SYS_fchown, pairs(), 871, 871); }, true},
    {"files", "make a file with the set-user-ID bit", [] { return below("suid", kWrite | O_CREAT, 04755); },
     true},
    {"files", "set the set-user-ID bit", [] { return call(SYS_fchmod, pairs(), 04755); }, true},
    {"files", "set the set-group-ID bit", [] { return call(SYS_fchmod, pairs(), 02755); }, true},
    {"files", "make a device", [] { return call(SYS_mknodat, pairs(), "device", S_IFCHR | 0666, 0x101); },
     true},
    {"files", "make a pipe", [] { return call(SYS_mknodat, pairs(), "pipe", S_IFIFO | 0666, 0); }, true},
    {"files", "set an extended attribute",
     [] { return call(SYS_setxattr, "/run/lab/victim", "user.x", "y", 1, 0); }},
    {"files", "truncate", [] { return call(SYS_truncate, "/run/lab/victim", 0); }, true},
    {"files", "empty the audit log", [] { return call(SYS_ftruncate, log_file(), 0); }},
    {"files", "read the audit log",
     [] {
       char byte;
       return call(SYS_pread64, log_file(), &byte, 1, 0);
     }},
    {"files", "take O_APPEND off the audit log", [] { return call(SYS_fcntl, log_file(), F_SETFL, 0); }},
    {"files", "open_by_handle_at", [] { return call(SYS_open_by_handle_at, pairs(), nullptr, 0); }},
    {"files", "flock", [] { return call(SYS_flock, pairs(), 2); }, true},
    {"files", "chdir", [] { return call(SYS_chdir, "/etc"); }, true},
    {"files", "chroot", [] { return call(SYS_chroot, "/run"); }, true},
    // ---- sysctls and devices
    {"sysctls", "forward packets: net.ipv4.ip_forward",
     [] { return below("/proc/sys/net/ipv4/ip_forward", kWrite); }, true},
    {"sysctls", "another interface's route_localnet",
     [] { return below("/proc/sys/net/ipv4/conf/lo/route_localnet", kWrite); }, true},
    {"sysctls", "kernel.core_pattern", [] { return below("/proc/sys/kernel/core_pattern", kWrite); }},
    {"sysctls", "open a device", [] { return below("/dev/full", kRead); }},
    {"sysctls", "ioctl", [] { return call(SYS_ioctl, 0, 0x5412, "x"); }},
    // ---- the network
    {"network", "a TCP socket", [] { return call(SYS_socket, AF_INET, SOCK_STREAM, 0); }, true},
    {"network", "a UDP socket", [] { return call(SYS_socket, AF_INET6, SOCK_DGRAM, 0); }, true},
    {"network", "a raw socket", [] { return call(SYS_socket, AF_INET, SOCK_RAW, 1); }, true},
    {"network", "a packet socket", [] { return call(SYS_socket, AF_PACKET, SOCK_RAW, 0); }, true},
    {"network", "a netlink socket for routes",
     [] { return call(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }, true},
    {"network", "a Unix socket", [] { return call(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }, true},
    {"network", "a pair of sockets",
     [] {
       int ends[2];
       return call(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, ends);
     },
     true},
    {"network", "connect to D-Bus",
     [] {
       sockaddr_un to{AF_UNIX, "/run/dbus/system_bus_socket"};
       return call(SYS_connect, 0, &to, sizeof to);
     }},
    {"network", "connect to systemd's private socket",
     [] {
       sockaddr_un to{AF_UNIX, "/run/systemd/private"};
       return call(SYS_connect, 0, &to, sizeof to);
     }},
    {"network", "a datagram to systemd's notify socket",
     [] {
       sockaddr_un to{AF_UNIX, "/run/systemd/notify"};
       return call(SYS_sendto, unix_datagrams(), "x", 1, 0, &to, sizeof to);
     }},
    {"network", "a datagram to a Unix socket of a short path", write_to_short_path},
    {"network", "bind",
     [] {
       sockaddr_un to{AF_UNIX, "/run/broken"};
       return call(SYS_bind, 0, &to, sizeof to);
     }},
    {"network", "listen", [] { return call(SYS_listen, 0, 1); }},
    {"network", "pass a descriptor on (sendmsg)",
     [] {
       msghdr message{};
       return call(SYS_sendmsg, 0, &message, 0);
     }},
    {"network", "delete a table that another process owns", [] { return delete_table("owned"); }},
    // ---- processes
    {"processes", "execve", [] { return call(SYS_execve, "/bin/true", kNothing, kNothing); }, true},
    {"processes", "execveat", [] { return call(SYS_execveat, AT_FDCWD, "/bin/true", kNothing, kNothing, 0); },
     true},
    {"processes", "fork", [] { return call(SYS_fork); }, true},
    {"processes", "clone", [] { return call(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr); }, true},
    {"processes", "clone3",
     [] {
       std::uint64_t how[11] = {};
       return call(SYS_clone3, how, sizeof how);
     },
     true},
    {"processes", "ptrace", [] { return call(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }, true},
    {"processes", "read another's memory (process_vm_readv)",
     [] { return call(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0); }, true},
    {"processes", "take another's descriptor (pidfd_open)", [] { return call(SYS_pidfd_open, 1, 0); }, true},
    {"processes", "kill", [] { return call(SYS_kill, 1, 0); }, true},
    {"processes", "tgkill", [] { return call(SYS_tgkill, 1, 1, 0); }, true},
    {"processes", "memory that can be executed (mmap)",
     [] { return call(SYS_mmap, nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); },
     true},
    {"processes", "memory that can be executed (mprotect)",
     [] { return call(SYS_mprotect, nullptr, 0, PROT_EXEC); }, true},
    {"processes", "a file in memory (memfd_create)", [] { return call(SYS_memfd_create, "x", 0); }, true},
    {"processes", "setuid(0)", [] { return call(SYS_setuid, 0); }, true},
    {"processes", "setgroups", [] { return call(SYS_setgroups, 0, nullptr); }, true},
    {"processes", "capset",
     [] {
       __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
       __user_cap_data_struct all[2] = {{~0U, ~0U, 0}, {}};
       return call(SYS_capset, &head, all);
     }},
    {"processes", "prctl", [] { return call(SYS_prctl, 4, 1, 0, 0, 0); }, true},
    {"processes", "setrlimit", [] { return call(SYS_prlimit64, 0, 7, nullptr, nullptr); }, true},
    {"processes", "dup", [] { return call(SYS_dup, 0); }, true},
    {"processes", "a descriptor's owner (fcntl F_SETOWN)", [] { return call(SYS_fcntl, 0, F_SETOWN, 1); },
     true},
    // ---- the system
    {"system", "mount", [] { return call(SYS_mount, "x", "/run/lab/victims", "tmpfs", 0, nullptr); }, true},
    {"system", "umount", [] { return call(SYS_umount2, "/run/lab/victims", 0); }},
    {"system", "pivot_root", [] { return call(SYS_pivot_root, "/run", "/run/lab"); }},
    {"system", "unshare", [] { return call(SYS_unshare, CLONE_NEWUSER); }},
    {"system", "setns", [] { return call(SYS_setns, pairs(), 0); }},
    {"system", "load a module (init_module)", [] { return call(SYS_init_module, "", 0, ""); }},
    {"system", "load a module (finit_module)", [] { return call(SYS_finit_module, 0, "", 0); }},
    {"system", "unload a module", [] { return call(SYS_delete_module, "x", 0); }},
    {"system", "kexec", [] { return call(SYS_kexec_load, 0, 0, nullptr, 0); }},
    {"system", "bpf", [] { return call(SYS_bpf, 0, nullptr, 0); }},
    {"system", "perf_event_open", [] { return call(SYS_perf_event_open, nullptr, 0, 0, 0, 0); }},
    {"system", "io_uring", [] { return call(SYS_io_uring_setup, 1, nullptr); }},
    {"system", "keyctl", [] { return call(SYS_keyctl, 0, -3, 0, 0, 0); }},
    {"system", "userfaultfd", [] { return call(SYS_userfaultfd, 0); }, true},
    {"system", "reboot", [] { return call(SYS_reboot, 0, 0, 0, nullptr); }},
    {"system", "set the clock", [] { return call(SYS_settimeofday, nullptr, nullptr); }, true},
    {"system", "set the host's name", [] { return call(SYS_sethostname, "broken", 6); }, true},
    {"system", "swapon", [] { return call(SYS_swapon, "x", 0); }},
    {"system", "accounting", [] { return call(SYS_acct, nullptr); }},
    {"system", "iopl", [] { return call(SYS_iopl, 3); }},
    {"system", "seccomp", [] { return call(SYS_seccomp, 2, 0, nullptr); }},
    {"system", "a system call of 32 bits",
     [] {
       long result = 20;  // getpid of i386
       asm volatile("int $0x80" : "+a"(result) : : "memory");
       return result;
     }},
    // ---- what nothing refuses: it is what the broker is there for
    {"power", "delete a table of the admin's firewall", [] { return delete_table("victim"); }},
    {"power", "replace what is installed", [] { return below("mine", kWrite | O_CREAT); }, true},
    {"power", "give a file that the worker passed to an install's owner",
     [] { return call(SYS_fchown, passed_file(), 0, kPairsGroup); }, true},
    {"power", "look at a file anywhere (newfstatat)",
     [] {
       struct stat found {};
       return call(SYS_newfstatat, AT_FDCWD, "/etc/shadow", &found, 0);
     },
     true},
    {"power", "read where a link anywhere leads (readlinkat)",
     [] {
       char target[8];
       return call(SYS_readlinkat, AT_FDCWD, "/dev/fd", target, sizeof target);
     },
     true},
    {"power", "append to the audit log",
     [] { return call(SYS_pwrite64, log_file(), "time=forged\n", 12, 0); }},
};

}  // namespace

std::span<const Attempt> attempts() { return kAttempts; }

}  // namespace certlatch::attack
