// SPDX-License-Identifier: MIT
// The keys of a [certificate] that say what is done besides getting and installing it: `verify`, `before`,
// `after` and `deployed`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/state/section_reader.h"
#include "worker/verify/messages.h"

namespace certlatch {

/// A place where the certificate should be served: `host:port`, or `smtp://host:port` and the like; without
/// that, the usual ports of SMTP, IMAP and POP3 mean STARTTLS, and every other TLS at once.
struct Endpoint {
  std::string text;  // as written
  std::string host;  // without brackets
  std::uint16_t port = 0;
  Greeting greeting = Greeting::none;
  bool operator==(const Endpoint&) const = default;
};

/// A program, by its absolute path, and its arguments; empty for none.
using HookCommand = std::vector<std::string>;

// Each reports what is wrong to the section.
[[nodiscard]] std::vector<Endpoint> endpoints_of(const SectionReader& section, std::string_view key);
[[nodiscard]] HookCommand hook_command_of(const SectionReader& section, std::string_view key);

}  // namespace certlatch
