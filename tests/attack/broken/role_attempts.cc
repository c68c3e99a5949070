// SPDX-License-Identifier: MIT
// What a role of the worker would try. It has the worker's uid, so files that the worker may read are the
// point.
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/attack/broken/attempt.h"

namespace certlatch::attack {
namespace {

template <class... Arguments>
long call(long number, Arguments... arguments) {
  return ::syscall(number, arguments...);
}
long open_at(const char* path, int flags, mode_t mode = 0600) {
  return call(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

/// A connection to this host, by a socket of its own.
long connect_to(int type, std::uint16_t port) {
  const long fd = call(SYS_socket, AF_INET, type, 0);
  if (fd < 0) return fd;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return call(SYS_connect, fd, &to, sizeof to);
}
long connect_to(const char* path) {
  const long fd = call(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::string(path).copy(to.sun_path, sizeof to.sun_path - 1);
  return call(SYS_connect, fd, &to, sizeof to);
}
std::string of_parent(const char* what) { return "/proc/" + std::to_string(::getppid()) + "/" + what; }

char* const kNothing[] = {nullptr};
constexpr Attempt kAttempts[] = {
    {"files", "read the account's key", [] { return open_at("/run/lab/account.key", O_RDONLY); }, true},
    {"files", "list the accounts",
     [] { return open_at("/var/lib/certlatch/accounts", O_RDONLY | O_DIRECTORY); }, true},
    {"files", "list the certificates",
     [] { return open_at("/var/lib/certlatch/certificates", O_RDONLY | O_DIRECTORY); }, true},
    {"files", "list the worker's state", [] { return open_at("/var/lib/certlatch", O_RDONLY | O_DIRECTORY); },
     true},
    {"files", "write to the worker's state",
     [] { return open_at("/var/lib/certlatch/broken", O_WRONLY | O_CREAT); }, true},
    {"files", "read the configuration", [] { return open_at("/etc/certlatch/certlatch.conf", O_RDONLY); },
     true},
    {"files", "read /etc/passwd", [] { return open_at("/etc/passwd", O_RDONLY); }, true},
    {"files", "read an installed certificate",
     [] { return open_at("/etc/ssl/certlatch/example.test/live/cert.pem", O_RDONLY); }},
    {"files", "make a file in /tmp", [] { return open_at("/tmp/broken", O_WRONLY | O_CREAT); }, true},
    {"files", "read the main process's memory", [] { return open_at(of_parent("mem").c_str(), O_RDONLY); }},
    {"files", "read the main process's maps", [] { return open_at(of_parent("maps").c_str(), O_RDONLY); },
     true},
    {"files", "a hard link", [] { return call(SYS_linkat, AT_FDCWD, "/tmp/mine", AT_FDCWD, "/tmp/hard", 0); },
     true},
    {"files", "a symbolic link", [] { return call(SYS_symlinkat, "/etc/passwd", AT_FDCWD, "/tmp/soft"); },
     true},
    {"files", "chmod", [] { return call(SYS_chmod, "/tmp/mine", 0777); }, true},
    {"network", "connect to a service of this host (TCP port 22)", [] { return connect_to(SOCK_STREAM, 22); },
     true},
    {"network", "connect to DNS over TCP (port 53)", [] { return connect_to(SOCK_STREAM, 53); }, true},
    {"network", "a UDP socket", [] { return connect_to(SOCK_DGRAM, 53); }, true},
    {"network", "connect to the broker", [] { return connect_to("/run/certlatch/broker.sock"); }, true},
    {"network", "connect to D-Bus", [] { return connect_to("/run/lab/bus"); }, true},
    {"network", "listen on a port",
     [] {
       sockaddr_in at{};
       at.sin_family = AF_INET;
       at.sin_port = htons(8081);
       const long fd = call(SYS_socket, AF_INET, SOCK_STREAM, 0);
       return fd < 0 ? fd : call(SYS_bind, fd, &at, sizeof at);
     },
     true},
    {"network", "a netlink socket", [] { return call(SYS_socket, AF_NETLINK, SOCK_RAW, 0); }, true},
    {"network", "a raw socket", [] { return call(SYS_socket, AF_INET, SOCK_RAW, 1); }},
    {"processes", "execve", [] { return call(SYS_execve, "/bin/true", kNothing, kNothing); }, true},
    {"processes", "fork", [] { return call(SYS_fork); }, true},
    {"processes", "clone a process",
     [] { return call(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr); }, true},
    {"processes", "ptrace the main process",
     [] { return call(SYS_ptrace, PTRACE_SEIZE, ::getppid(), 0, 0); }},
    {"processes", "read the main process's memory (process_vm_readv)",
     [] { return call(SYS_process_vm_readv, ::getppid(), nullptr, 0, nullptr, 0, 0); }, true},
    {"processes", "take the main process's descriptors", [] { return call(SYS_pidfd_open, ::getppid(), 0); },
     true},
    {"processes", "kill the main process", [] { return call(SYS_kill, ::getppid(), 0); }, true},
    {"processes", "memory that can be executed",
     [] { return call(SYS_mmap, nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); },
     true},
    {"processes", "prctl", [] { return call(SYS_prctl, 4, 1, 0, 0, 0); }, true},
    {"system", "unshare", [] { return call(SYS_unshare, 0x10000000); }},
    {"system", "bpf", [] { return call(SYS_bpf, 0, nullptr, 0); }},
    {"system", "io_uring", [] { return call(SYS_io_uring_setup, 1, nullptr); }},
    {"system", "keyctl", [] { return call(SYS_keyctl, 0, -3, 0, 0, 0); }},
};

}  // namespace

std::span<const Attempt> attempts() { return kAttempts; }

}  // namespace certlatch::attack
