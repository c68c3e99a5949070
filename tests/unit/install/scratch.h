// SPDX-License-Identifier: MIT
// A directory in memory (no fsync to wait for) that goes with the test, and what is in its files.
#pragma once

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "protocol/unique_fd.h"

namespace certlatch::test {

class Scratch {
 public:
  Scratch() {
    char name[] = "/dev/shm/certlatch-test-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
    std::filesystem::permissions(path_, std::filesystem::perms(0755));
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] UniqueFd open() const {
    return UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

 private:
  std::string path_;
};

inline std::string contents_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}
inline void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace certlatch::test
