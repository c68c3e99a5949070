// SPDX-License-Identifier: MIT
// Reading the policy from a place that nobody but root can change.
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "policy/policy.h"
#include "protocol/small_file.h"

namespace certlatch {
namespace {

// Refuses a path when anyone but root could have put a part of it there or could change it. A sticky
// directory such as /tmp is no better: anyone may put a file there first. Looked at from the root down, since
// what is below a directory that only root can write to stays what it is.
Result<void> check_every_part(const std::string& file) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(file, error);
  if (error) return fail(Error::system("cannot open " + file, error.value()));
  std::filesystem::path so_far;
  for (const auto& part : absolute) {
    so_far /= part;
    const std::string& path = so_far.native();
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) return fail(Error::system("cannot open " + path));
    if (S_ISLNK(status.st_mode))
      return fail(Error::refused(path + " is a symbolic link; name the file it leads to"));
    TRY(check_trusted(status, path));
  }
  return {};
}

}  // namespace

Result<void> check_trusted(const struct stat& status, const std::string& path, uid_t owner) {
  if (status.st_uid != 0 && status.st_uid != owner)
    return fail(Error::refused(
        fmt::format("{} belongs to user {}, who could change it; chown root it", path, status.st_uid)));
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(Error::refused(fmt::format("{} may be written to by others (mode {:04o}); chmod go-w it",
                                           path, status.st_mode & 07777)));
  return {};
}

PolicyReading load_policy(const std::string& path) {
  const auto trusted = check_every_part(path);
  // One byte more than allowed, so that read_policy() sees a file that is too long.
  const auto text =
      trusted ? read_small_file(AT_FDCWD, path.c_str(), kMaxPolicyBytes + 1) : fail(trusted.error());
  if (!text) return std::unexpected(std::vector{Fault{path, 0, text.error().message}});
  return read_policy(*text, path);
}

}  // namespace certlatch
