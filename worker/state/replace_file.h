// SPDX-License-Identifier: MIT
// Small files that are replaced whole: whoever is killed at any instant leaves the old text or the new one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace certlatch {

/// Writes `name` (a single name) below the directory descriptor `directory`: to a file aside (0600), fsync,
/// rename, fsync of the directory. `path` is for messages.
[[nodiscard]] Result<void> replace_file(int directory, const std::string& name, std::string_view text,
                                        std::string_view path);

/// The whole file; nothing when it does not exist. Kind::invalid beyond `max_bytes`.
[[nodiscard]] Result<std::optional<std::string>> read_file(int directory, const std::string& name,
                                                           std::size_t max_bytes, std::string_view path);

}  // namespace certlatch
