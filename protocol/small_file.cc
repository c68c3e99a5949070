// SPDX-License-Identifier: MIT
#include "protocol/small_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/unique_fd.h"

namespace certlatch {

Result<std::string> read_small_file(int directory, const char* name, std::size_t limit, int flags) {
  // No terminal is taken over and no FIFO waited for, whatever it turns out to be.
  const UniqueFd file(::openat(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags));
  struct stat found {};
  if (!file.is_open() || ::fstat(file.get(), &found) != 0)
    return fail(Error::system(fmt::format("cannot open {}", name)));
  if (!S_ISREG(found.st_mode)) return fail(Error::invalid(fmt::format("{} is not a regular file", name)));
  std::string text(limit + 1, '\0');
  std::size_t filled = 0;
  for (ssize_t n = 1; n > 0 && filled < text.size(); filled += static_cast<std::size_t>(n))
    if (n = ::read(file.get(), text.data() + filled, text.size() - filled); n < 0)
      return fail(Error::system(fmt::format("cannot read {}", name)));
  if (filled > limit) return fail(Error::invalid(fmt::format("{} has more than {} bytes", name, limit)));
  text.resize(filled);
  return text;
}

Result<void> write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Error::system("write"));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> replace_small_file(int directory, const std::string& name, std::string_view text) {
  const std::string fresh = name + ".new";
  const UniqueFd file(
      ::openat(directory, fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return fail(Error::system("open " + fresh));
  TRY(write_whole(file.get(), text).in(fresh));
  if (::fsync(file.get()) != 0 || ::renameat(directory, fresh.c_str(), directory, name.c_str()) != 0 ||
      ::fsync(directory) != 0)
    return fail(Error::system("replace " + name));
  return {};
}

}  // namespace certlatch
