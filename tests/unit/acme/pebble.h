// SPDX-License-Identifier: MIT
// A real CA, Pebble, in the private network: at https://127.0.0.1:14000/dir, with a certificate that roots()
// trusts.
#pragma once

#include <string>
#include <vector>

#include "tests/unit/acme/temp_directory.h"

class Pebble {
 public:
  /// `environment` as "NAME=value"; by default it validates everything without sleeping and refuses no nonce.
  /// `more_config` are further members of its configuration, each with a comma before it.
  explicit Pebble(std::vector<std::string> environment = {"PEBBLE_VA_ALWAYS_VALID=1",
                                                          "PEBBLE_WFE_NONCEREJECT=0"},
                  const std::string& more_config = "");
  ~Pebble();
  Pebble(const Pebble&) = delete;
  Pebble& operator=(const Pebble&) = delete;

  [[nodiscard]] std::string directory() const { return "https://127.0.0.1:14000/dir"; }
  [[nodiscard]] std::string roots() const { return temp_ / "pebble.pem"; }

 private:
  TempDirectory temp_;
  pid_t pid_ = -1;
};
