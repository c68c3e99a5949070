// SPDX-License-Identifier: MIT
#include "worker/keeper/secret_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/unique_fd.h"

namespace certlatch {
namespace {
constexpr std::size_t kMaxBytes = 4096;
}

Result<Secret> read_secret_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!fd.is_open() || ::fstat(fd.get(), &status) != 0) return fail(Error::system("read " + path));
  if (!S_ISREG(status.st_mode)) return fail(Error::invalid(path + " is not a file"));
  if ((status.st_mode & 07) != 0)
    return fail(
        Error::refused(fmt::format("{} holds a secret and is open to everyone (mode {:04o}): chmod o= {}",
                                   path, status.st_mode & 07777, path)));
  Secret room(kMaxBytes + 1);
  std::size_t used = 0;
  while (used < room.size()) {
    const ssize_t n = ::read(fd.get(), room.bytes().data() + used, room.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Error::system("read " + path));
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
  }
  std::string_view text = room.text().substr(0, used);
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty() || used > kMaxBytes)
    return fail(Error::invalid(
        fmt::format("{} is not a secret: it is empty or longer than {} bytes", path, kMaxBytes)));
  return Secret::copy_of(text);
}

}  // namespace certlatch
