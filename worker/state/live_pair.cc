// SPDX-License-Identifier: MIT
#include "worker/state/live_pair.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <span>

namespace certlatch {
namespace {

constexpr const char* kFiles[] = {"/live/privkey.pem", "/live/cert.pem", "/live/chain.pem",
                                  "/live/fullchain.pem", "/live/combined.pem"};

using Seen = std::array<std::uint64_t, 10>;

Seen look(const std::string& path, int flags) {
  struct stat found {};
  if (::fstatat(AT_FDCWD, path.c_str(), &found, flags) != 0) return {static_cast<std::uint64_t>(errno)};
  const auto of = [](const timespec& time, std::uint64_t& seconds, std::uint64_t& rest) {
    seconds = static_cast<std::uint64_t>(time.tv_sec);
    rest = static_cast<std::uint64_t>(time.tv_nsec);
  };
  Seen seen{0,
            found.st_dev,
            found.st_ino,
            static_cast<std::uint64_t>(found.st_size),
            (std::uint64_t{found.st_mode} << 32) | found.st_uid,
            found.st_gid};
  of(found.st_mtim, seen[6], seen[7]);
  of(found.st_ctim, seen[8], seen[9]);
  return seen;
}

}  // namespace

Digest look_at_file(const std::string& path) {
  const Seen seen = look(path, 0);
  return digest_of(std::as_bytes(std::span(&seen, 1)));
}

Digest look_at_live_pair(const std::string& directory) {
  std::array<Seen, 1 + std::size(kFiles)> all{};
  std::string path = directory + "/live";
  // The link itself: another may lead to the same files for now.
  all[0] = look(path, AT_SYMLINK_NOFOLLOW);
  for (std::size_t i = 0; i < std::size(kFiles); ++i) {
    path.replace(directory.size(), path.npos, kFiles[i]);
    all[i + 1] = look(path, 0);
  }
  return digest_of(std::as_bytes(std::span(all)));
}

}  // namespace certlatch
