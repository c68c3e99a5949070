// SPDX-License-Identifier: MIT
#include "worker/keeper/key_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace certlatch {
namespace {

constexpr std::size_t kMaxKeyFileBytes = 16 * 1024;  // RSA with 4096 bits takes 3.3 KiB
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

Result<void> write_whole(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n > 0)
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    else if (n < 0 && errno != EINTR)
      return fail(Error::system("write"));
  }
  if (::fsync(fd) != 0) return fail(Error::system("fsync"));
  return {};
}

}  // namespace

Result<void> check_store_name(std::string_view name) {
  const bool has_bad_character = std::ranges::any_of(
      name, [](char c) { return c == '/' || static_cast<std::uint8_t>(c) < ' ' || c == '\x7f'; });
  if (name.empty() || name.size() > 255 || name.front() == '.' || has_bad_character)
    return fail(
        Error::invalid("a name that cannot be used as the name of a directory (it is empty or too long, "
                       "begins with a dot, or holds a slash or a control character)"));
  return {};
}

Result<KeyStore> KeyStore::open(const std::string& directory, std::string file) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(Error::system("make the directory " + directory));
  UniqueFd fd(::open(directory.c_str(), kDirectoryFlags));
  if (!fd.is_open()) return fail(Error::system("open the directory " + directory));
  return KeyStore(directory, std::move(file), std::move(fd));
}

Result<UniqueFd> KeyStore::enter(const std::string& name) const {
  if (auto fit = check_store_name(name); !fit) return fail(fit.error());
  UniqueFd fd(::openat(directory_.get(), name.c_str(), kDirectoryFlags));
  if (!fd.is_open() && errno != ENOENT)
    return fail(Error::system("open the directory " + path_ + "/" + name));
  return fd;
}

Result<std::optional<Secret>> KeyStore::load(const std::string& name) const {
  const auto directory = enter(name);
  if (!directory) return fail(directory.error());
  if (!directory->is_open()) return std::nullopt;
  const UniqueFd fd(
      ::openat(directory->get(), file_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    return fail(Error::system("open " + path_of(name)));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail(Error::system("fstat " + path_of(name)));
  if (!S_ISREG(status.st_mode) || status.st_size <= 0 ||
      static_cast<std::uint64_t>(status.st_size) > kMaxKeyFileBytes)
    return fail(Error::invalid(fmt::format("{} is not a private key: it is not a file of 1 to {} bytes",
                                           path_of(name), kMaxKeyFileBytes)));
  Secret pem(static_cast<std::size_t>(status.st_size));
  for (auto room = pem.bytes(); !room.empty();) {
    const ssize_t n = ::read(fd.get(), room.data(), room.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Error::system("read " + path_of(name)));
    if (n == 0) return fail(Error::invalid(path_of(name) + " became shorter while it was read"));
    room = room.subspan(static_cast<std::size_t>(n));
  }
  return pem;
}

Result<void> KeyStore::save(const std::string& name, const Secret& pem) {
  auto directory = enter(name);
  if (!directory) return fail(directory.error());
  if (!directory->is_open()) {
    if (::mkdirat(directory_.get(), name.c_str(), 0700) != 0)
      return fail(Error::system("make the directory " + path_ + "/" + name));
    if (::fsync(directory_.get()) != 0) return fail(Error::system("fsync " + path_));
    directory = enter(name);
    if (!directory) return fail(directory.error());
  }
  const int at = directory->get();
  const std::string aside = "." + file_ + ".new";
  // A crash may have left one; it was never anybody's key.
  if (::unlinkat(at, aside.c_str(), 0) != 0 && errno != ENOENT)
    return fail(Error::system("remove an unfinished " + path_of(name)));
  const UniqueFd fd(::openat(at, aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.is_open()) return fail(Error::system("create " + path_of(name)));
  auto written = write_whole(fd.get(), pem.bytes());
  if (written && ::renameat(at, aside.c_str(), at, file_.c_str()) != 0)
    written = fail(Error::system("rename"));
  if (!written) {
    ::unlinkat(at, aside.c_str(), 0);
    return fail(written.error().in("write " + path_of(name)));
  }
  if (::fsync(at) != 0) return fail(Error::system("fsync " + path_ + "/" + name));
  return {};
}

Result<void> KeyStore::forget(const std::string& name) {
  const auto directory = enter(name);
  if (!directory) return fail(directory.error());
  if (!directory->is_open()) return {};
  const int at = directory->get();
  ::unlinkat(at, ("." + file_ + ".new").c_str(), 0);
  // Overwriting is a courtesy to file systems that write in place; on others the blocks are merely freed.
  const UniqueFd fd(::openat(at, file_.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.is_open() && errno == ENOENT) return {};
  struct stat status {};
  if (fd.is_open() && ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode)) {
    const std::vector<std::byte> zeros(std::min(static_cast<std::size_t>(status.st_size), kMaxKeyFileBytes));
    if (auto wiped = write_whole(fd.get(), zeros); !wiped)
      return fail(wiped.error().in("wipe " + path_of(name)));
  }
  if (::unlinkat(at, file_.c_str(), 0) != 0) return fail(Error::system("remove " + path_of(name)));
  if (::fsync(at) != 0) return fail(Error::system("fsync " + path_ + "/" + name));
  return {};
}

}  // namespace certlatch
