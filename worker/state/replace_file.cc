// SPDX-License-Identifier: MIT
#include "worker/state/replace_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "protocol/unique_fd.h"

namespace certlatch {
namespace {

Result<void> write_all(int fd, std::string_view text, std::string_view path) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Error::system(fmt::format("write {}", path)));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<void> replace_file(int directory, const std::string& name, std::string_view text,
                          std::string_view path) {
  // One run at a time holds the lock, so a fixed name aside is free, and a leftover of a killed run is
  // reused.
  const std::string aside = "." + name + ".new";
  UniqueFd file(
      ::openat(directory, aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return fail(Error::system(fmt::format("create {}", path)));
  if (auto written = write_all(file.get(), text, path); !written) return written;
  if (::fsync(file.get()) != 0) return fail(Error::system(fmt::format("fsync {}", path)));
  // Errors of a network file system may show only here.
  if (::close(file.release()) != 0) return fail(Error::system(fmt::format("close {}", path)));
  if (::renameat(directory, aside.c_str(), directory, name.c_str()) != 0)
    return fail(Error::system(fmt::format("rename to {}", path)));
  if (::fsync(directory) != 0) return fail(Error::system(fmt::format("fsync the directory of {}", path)));
  return {};
}

Result<std::optional<std::string>> read_file(int directory, const std::string& name, std::size_t max_bytes,
                                             std::string_view path) {
  const UniqueFd file(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open() && errno == ENOENT) return std::nullopt;
  if (!file.is_open()) return fail(Error::system(fmt::format("open {}", path)));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail(Error::system(fmt::format("fstat {}", path)));
  if (!S_ISREG(status.st_mode) || std::cmp_greater(status.st_size, max_bytes))
    return fail(Error::invalid(fmt::format("{} is no file of at most {} bytes", path, max_bytes)));
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  for (std::size_t filled = 0; filled < text.size();) {
    const ssize_t n = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Error::system(fmt::format("read {}", path)));
    if (n == 0) text.resize(filled);
    filled += static_cast<std::size_t>(n);
  }
  return text;
}

}  // namespace certlatch
