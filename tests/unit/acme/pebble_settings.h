// SPDX-License-Identifier: MIT
// Pebble as a configuration would name it.
#pragma once

#include <algorithm>
#include <string_view>

#include "tests/unit/acme/pebble.h"
#include "tests/unit/acme/worker_double.h"

inline certlatch::CaSettings settings(const Pebble& pebble) {
  certlatch::CaSettings ca;
  ca.name = "pebble";
  ca.directory = pebble.directory();
  ca.roots = pebble.roots();
  ca.contact = {"admin@example.org"};
  ca.agree = true;
  return ca;
}

/// How many of the requests that were told of have this in their line.
inline std::ptrdiff_t lines_with(const WorkerDouble& worker, std::string_view text) {
  return std::ranges::count_if(worker.spoken, [&](const std::string& line) { return line.contains(text); });
}
