// SPDX-License-Identifier: MIT
#include "worker/command/key_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "protocol/unique_fd.h"

namespace certlatch {

Result<Secret> read_key_file(const std::string& path) {
  constexpr std::size_t kMaxBytes = 16 * 1024;
  const UniqueFd file(path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                  : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return fail(Error::system("open " + path));
  Secret room(kMaxBytes + 1);
  std::size_t used = 0;
  for (;;) {
    const ssize_t n = ::read(file.get(), room.bytes().data() + used, room.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Error::system("read " + path));
    used += static_cast<std::size_t>(n);
    if (used > kMaxBytes) return fail(Error::invalid(path + " is no private key: it is too long"));
    if (n == 0) break;
  }
  if (used == 0) return fail(Error::invalid((path == "-" ? "standard input" : path) + " is empty"));
  return Secret::copy_of(room.bytes().first(used));
}

}  // namespace certlatch
