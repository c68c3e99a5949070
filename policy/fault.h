// SPDX-License-Identifier: MIT
// What is wrong with a file, as a compiler would say it.
#pragma once

#include <string>

namespace certlatch {

struct Fault {
  std::string file;
  unsigned line = 0;  // 0: the file as a whole
  std::string sentence;
  /// "file:line: sentence", or "file: sentence".
  [[nodiscard]] std::string text() const {
    return file + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + sentence;
  }
};

}  // namespace certlatch
