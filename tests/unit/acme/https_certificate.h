// SPDX-License-Identifier: MIT
// A self-signed certificate for 127.0.0.1, localhost and ca.example.org, for a CA of the test's own.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string>

inline void make_https_certificate(const std::string& key, const std::string& certificate) {
  const std::string command = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca "
      "-addext subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:ca.example.org -keyout {} -out {} 2>/dev/null",
      key, certificate);
  REQUIRE(std::system(command.c_str()) == 0);
}
