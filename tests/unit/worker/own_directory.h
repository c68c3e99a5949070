// SPDX-License-Identifier: MIT
// A directory of one test, removed with everything in it.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

struct OwnDirectory {
  std::string path = [] {
    char name[] = "/tmp/certlatch-worker.XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    return std::string(name);
  }();
  OwnDirectory() = default;
  OwnDirectory(const OwnDirectory&) = delete;
  OwnDirectory& operator=(const OwnDirectory&) = delete;
  ~OwnDirectory() { std::filesystem::remove_all(path); }

  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path + "/" + name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(path + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};
