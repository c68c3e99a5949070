// SPDX-License-Identifier: MIT
// A directory that a process which is about to be executed shall not see, by Landlock: it may do with all
// other files what its user may.
#pragma once

#include <string>

#include "protocol/result.h"

namespace certlatch {

/// Hides `directory` (absolute, without links) from this process and its children, for good. What is in
/// `visible`, a directory below it, may be read; empty for nothing. The directories above can neither be
/// listed nor be written to any more, except for what is in them now. Kind::refused when the kernel has no
/// Landlock.
[[nodiscard]] Result<void> hide_directory(const std::string& directory, const std::string& visible);

}  // namespace certlatch
