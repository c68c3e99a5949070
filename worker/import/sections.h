// SPDX-License-Identifier: MIT
// Sections of the policy that an admin is shown, to be put where only root can write.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.h"

namespace certlatch {

struct ProposedService {
  std::string name;           // of its section, and of the systemd unit without `.service`
  bool is_restarted = false;  // instead of reloaded
  bool operator==(const ProposedService&) const = default;
};

struct ProposedInstall {
  std::string name;
  std::vector<std::string> names;
  std::string owner = "root:ssl-cert";
  std::string mode = "0640";
  std::vector<ProposedService> services;
};

struct ProposedOpening {
  std::string name;
  bool is_shared = false;  // a web server has the port already
};

/// What the broker's policy lacks of these, as text; all of it when the broker could not be asked. Empty when
/// it lacks nothing.
[[nodiscard]] std::string policy_sections(const std::vector<ProposedOpening>& openings,
                                          const std::vector<ProposedInstall>& installs,
                                          const std::optional<StatusAnswer>& broker);

/// "Run by root, this would reload nginx": the services that a shell command does nothing but reload,
/// restart, stop or start; nothing when it does anything else, or it is not understood.
struct ServiceAction {
  std::string service;
  std::string verb;  // "reload", "restart", "stop" or "start"
  bool operator==(const ServiceAction&) const = default;
};
[[nodiscard]] std::optional<std::vector<ServiceAction>> service_actions_of(std::string_view command);

}  // namespace certlatch
