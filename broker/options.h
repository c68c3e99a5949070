// SPDX-License-Identifier: MIT
// certlatchd's command line. Read by hand: what runs as root links no library for it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "protocol/result.h"

namespace certlatch {

struct Options {
  std::string policy = "/etc/certlatch/policy.conf";
  std::string socket = "/run/certlatch/broker.sock";
  std::string state = "/var/lib/certlatch-broker";
  std::string run = "/run/certlatch";
  std::optional<std::uint32_t> idle_seconds;
  bool foreground = false;
  enum class Wanted : std::uint8_t { serve, help, version } wanted = Wanted::serve;
};

extern const char kUsage[];

/// `arguments` without the program's name. Of `--foreground` and `--quiet` the last counts. `--option VALUE`
/// and `--option=VALUE` are the same; paths are absolute.
[[nodiscard]] Result<Options> read_options(std::span<const char* const> arguments);

}  // namespace certlatch
