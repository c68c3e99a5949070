// SPDX-License-Identifier: MIT
#include "worker/run/webroot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "protocol/unique_fd.h"

namespace certlatch {
namespace {

constexpr const char* kPlace[] = {".well-known", "acme-challenge"};

/// The directory of challenges; made when it is missing and `mode` is not 0.
Result<UniqueFd> enter(const std::string& webroot, mode_t mode) {
  UniqueFd at(::open(webroot.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string path = webroot;
  for (const char* name : kPlace) {
    if (!at.is_open()) break;
    path += fmt::format("/{}", name);
    // The mode is set by itself: the worker's umask keeps others out.
    const bool is_new = mode != 0 && ::mkdirat(at.get(), name, mode) == 0;
    const int made = errno;
    UniqueFd below(
        ::openat(at.get(), name, (is_new ? O_RDONLY : O_PATH) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // That it is not there says nothing of why it could not be made.
    if (mode != 0 && !is_new && !below.is_open() && errno == ENOENT) errno = made;
    if (is_new && below.is_open()) ::fchmod(below.get(), mode);
    at = std::move(below);
  }
  if (!at.is_open()) return fail(Error::system(fmt::format("the directory for challenges, {}", path)));
  return at;
}

bool is_single_name(std::string_view token) {
  return !token.empty() && token.find_first_not_of(
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789-_") == token.npos;
}

}  // namespace

Result<void> put_challenge_file(const std::string& webroot, const std::string& token,
                                const std::string& key_authorization) {
  // Checked where it came from the network; this is where it would do harm.
  if (!is_single_name(token)) return fail(Error::invalid("a token that cannot be the name of a file"));
  const auto directory = enter(webroot, 0755);
  if (!directory) return fail(directory.error());
  const auto refuse = [&] {
    return fail(Error::system(fmt::format("the challenge's file below {}", webroot)));
  };
  const UniqueFd file(
      ::openat(directory->get(), token.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.is_open() || ::fchmod(file.get(), 0644) != 0) return refuse();
  const ssize_t n = ::write(file.get(), key_authorization.data(), key_authorization.size());
  if (std::cmp_not_equal(n, key_authorization.size())) return refuse();
  return {};
}

void remove_challenge_file(const std::string& webroot, const std::string& token) {
  if (!is_single_name(token)) return;
  if (const auto directory = enter(webroot, 0)) ::unlinkat(directory->get(), token.c_str(), 0);
}

}  // namespace certlatch
