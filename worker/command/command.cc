// SPDX-License-Identifier: MIT
#include "worker/command/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace certlatch {

int complain(int code, std::string_view sentence) {
  fmt::print(stderr, "certlatch: {}\n", sentence);
  return code;
}

Seconds now() { return static_cast<Seconds>(std::time(nullptr)); }

std::optional<Config> configuration(const Setting& setting) {
  auto reading = load_config(setting.config);
  for (const auto& fault : reading.faults) fmt::print(stderr, "{}\n", fault.text());
  return std::move(reading.config);
}

std::optional<Config> configuration_with(const Setting& setting, const std::vector<std::string>& names) {
  auto config = configuration(setting);
  if (!config) return std::nullopt;
  const auto unknown = std::ranges::find_if(
      names, [&](const std::string& name) { return config->certificate(name) == nullptr; });
  if (unknown == names.end()) return config;
  complain(kUsage, fmt::format("{} has no [certificate {}]", setting.config, *unknown));
  return std::nullopt;
}

}  // namespace certlatch
