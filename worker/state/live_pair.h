// SPDX-License-Identifier: MIT
// What the worker can see of a pair that the broker has installed: the files' places on the disk, sizes and
// times, not their bytes. The directories are open to all, so a look costs a few system calls and disturbs
// nobody; whether a change means anything, the broker says.
#pragma once

#include <string>

#include "protocol/messages.h"

namespace certlatch {

/// Of DIRECTORY/live and the files it leads to. The same as long as nobody has touched them; never fails:
/// a file that is missing, or that may not be looked at, is part of what was seen.
[[nodiscard]] Digest look_at_live_pair(const std::string& directory);
/// The same of a single file, whoever wrote it.
[[nodiscard]] Digest look_at_file(const std::string& path);

}  // namespace certlatch
