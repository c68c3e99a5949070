// SPDX-License-Identifier: MIT
#include "worker/state/statistics.h"

#include <fmt/format.h>

#include <sstream>

namespace certlatch {

std::string statistics_text(const Statistics& statistics) {
  return fmt::format("openings {}\nopen-milliseconds {}\ninstalls {}\nrestarts {}\n", statistics.openings,
                     statistics.open_milliseconds, statistics.installs, statistics.restarts);
}

std::optional<Statistics> statistics_from(std::string_view text) {
  Statistics read;
  std::istringstream words{std::string(text)};
  std::string key;
  for (std::uint64_t value = 0; words >> key >> value;) {
    if (key == "openings") read.openings = value;
    if (key == "open-milliseconds") read.open_milliseconds = value;
    if (key == "installs") read.installs = value;
    if (key == "restarts") read.restarts = value;
  }
  if (!words.eof()) return std::nullopt;
  return read;
}

}  // namespace certlatch
