// SPDX-License-Identifier: MIT
// Private keys on disk: DIRECTORY/NAME/FILE, 0600 in a directory of 0700. A file is replaced whole (written
// aside, fsynced, renamed, the directory fsynced), so that a crash leaves the old key or the new one.
// Everything is opened below a descriptor held since the start, by single names, never through a symbolic
// link.
#pragma once

#include <optional>
#include <string>

#include "protocol/result.h"
#include "protocol/secret.h"
#include "protocol/unique_fd.h"

namespace certlatch {

/// Names of CAs and certificates become names of directories: Kind::invalid for what is empty, longer than
/// 255 bytes, begins with a dot, or holds a slash or a control character.
[[nodiscard]] Result<void> check_store_name(std::string_view name);

class KeyStore {
 public:
  /// Makes `directory` (its parent must exist) if it is missing. `file` is the name of each key's file.
  [[nodiscard]] static Result<KeyStore> open(const std::string& directory, std::string file);

  /// The key's PEM, or nothing when there is none under this name.
  [[nodiscard]] Result<std::optional<Secret>> load(const std::string& name) const;
  [[nodiscard]] Result<void> save(const std::string& name, const Secret& pem);
  /// Overwrites and removes the key. One that is not there is no error.
  [[nodiscard]] Result<void> forget(const std::string& name);

  /// For sentences.
  [[nodiscard]] std::string path_of(const std::string& name) const {
    return path_ + "/" + name + "/" + file_;
  }

 private:
  KeyStore(std::string path, std::string file, UniqueFd directory)
      : path_(std::move(path)), file_(std::move(file)), directory_(std::move(directory)) {}
  /// NAME's directory; a closed descriptor when it does not exist.
  [[nodiscard]] Result<UniqueFd> enter(const std::string& name) const;

  std::string path_;
  std::string file_;
  UniqueFd directory_;
};

}  // namespace certlatch
