// SPDX-License-Identifier: MIT
// The directory of one install entry: numbered versions of key and chain, and `live`, the link that switches
// between them in one step. Everything happens below a held descriptor, by single names, and follows no link.
//
//   <n>/{privkey,cert,chain,fullchain}.pem   with the entry's mode and owner; combined.pem where it wants one
//   <n>/installed                            written last: what the version holds; without it, it is a torso
//   live -> <n>
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.h"
#include "protocol/result.h"
#include "protocol/unique_fd.h"

namespace certlatch {

/// BLAKE2b-256.
[[nodiscard]] Digest fingerprint_of(std::string_view bytes);

/// How the policy wants the files of an entry.
struct FileLayout {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0;
  bool combined = false;
};

/// PEM, already inspected: the chain's first `leaf_bytes` bytes are the leaf.
struct NewPair {
  std::string_view key;
  std::string_view chain;
  std::size_t leaf_bytes = 0;
  std::int64_t not_after = 0;
};

class VersionDirectory {
 public:
  /// `path` is for messages only.
  VersionDirectory(UniqueFd directory, std::string path, FileLayout layout)
      : directory_(std::move(directory)), path_(std::move(path)), layout_(layout) {}

  [[nodiscard]] bool is_owned_by(uid_t uid, gid_t gid) const {
    return layout_.uid == uid && layout_.gid == gid;
  }
  /// The version that `live` leads to by its text; whether it exists is status()'s question.
  [[nodiscard]] std::optional<std::uint32_t> live() const;
  /// Writes the pair as the next version, wholly on the disk when this returns, without switching to it. On
  /// an error nothing of it is left.
  Result<std::uint32_t> write(const NewPair& pair);
  /// Points `live` to a version, or removes it, in one step that is on the disk when this returns.
  Result<void> switch_to(std::optional<std::uint32_t> version);
  void remove(std::uint32_t version);
  /// Removes what an interrupted install left (torsos, versions that `live` has not come to, a link half
  /// made), and all but the newest three versions and the live one.
  void tidy();
  /// Looks at sizes, times, modes and owners, since the broker may not be allowed to read the files. One with
  /// another mode or owner than the policy's counts as altered, so that a changed policy reaches the disk.
  /// `entry` and `services` are left to the caller.
  [[nodiscard]] InstallStatus status() const;
  /// Does it hold nothing but what this class makes?
  [[nodiscard]] bool holds_only_versions() const;

 private:
  [[nodiscard]] std::vector<std::uint32_t> versions() const;  // ascending
  [[nodiscard]] UniqueFd open_version(std::uint32_t version) const;
  [[nodiscard]] std::optional<std::string> describe(int version) const;
  Result<void> create(int version, const char* name, std::vector<std::string_view> parts) const;
  Result<void> fill(int version, const NewPair& pair) const;

  UniqueFd directory_;
  std::string path_;
  FileLayout layout_;
};

}  // namespace certlatch
