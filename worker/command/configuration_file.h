// SPDX-License-Identifier: MIT
// Sections added to the configuration, which belongs to root as a rule: opened while this process may still
// be root's, written when the text is known.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.h"
#include "protocol/unique_fd.h"

namespace certlatch {

class ConfigurationFile {
 public:
  /// Makes the file when it is missing. Kind::system when this user may not write it.
  [[nodiscard]] static Result<ConfigurationFile> open(const std::string& path);
  /// In place, so that owner and mode stay; what was there is never changed. Either all of it is added or
  /// nothing.
  [[nodiscard]] Result<void> append(std::string_view text) const;

 private:
  ConfigurationFile(UniqueFd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  UniqueFd file_;
  std::string path_;
};

/// The whole file, or nothing of one that cannot be read.
[[nodiscard]] std::string text_of_configuration(const std::string& path);
/// What goes between the file's last line and a new section.
[[nodiscard]] std::string_view space_after(std::string_view text);

}  // namespace certlatch
