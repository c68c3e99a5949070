// SPDX-License-Identifier: MIT
// Who calls a program from time to time, as far as its files show. `root` is put before every path that is
// looked at.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace certlatch {

/// Where `program` is called from by cron or a timer that is enabled; empty when nowhere that can be seen.
[[nodiscard]] std::string caller_of(const std::string& root, const std::string& program,
                                    const std::string& timer);

/// Of a file as people write them: what is beyond 256 KiB is left out.
[[nodiscard]] std::string contents(const std::filesystem::path& path);
/// By name; none of a directory that cannot be read.
[[nodiscard]] std::vector<std::filesystem::path> files_in(const std::filesystem::path& directory);

}  // namespace certlatch
