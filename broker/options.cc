// SPDX-License-Identifier: MIT
#include "broker/options.h"

#include <charconv>
#include <string_view>

namespace certlatch {

const char kUsage[] =
    "Usage: certlatchd [OPTION]...\n"
    "The certlatch broker: opens ports, installs certificates and restarts services\n"
    "as its policy allows, for the one user that the policy names. Starts as root.\n"
    "\n"
    "  --policy FILE     what may be asked (/etc/certlatch/policy.conf)\n"
    "  --socket PATH     where to listen without a socket unit (/run/certlatch/broker.sock)\n"
    "  --state DIR       what is remembered (/var/lib/certlatch-broker)\n"
    "  --run DIR         what a reboot may forget (/run/certlatch)\n"
    "  --idle SECONDS    leave after so long without connection or lease\n"
    "                    (60 when started by a socket unit, else never)\n"
    "  --foreground      log to standard error as well as to syslog\n"
    "  --quiet           do not; errors only\n"
    "  --help, --version\n";

Result<Options> read_options(std::span<const char* const> arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const auto name = argument.substr(0, argument.find('='));
    const bool has_value = name.size() < argument.size();
    std::string* path = nullptr;
    if (name == "--policy") path = &options.policy;
    if (name == "--socket") path = &options.socket;
    if (name == "--state") path = &options.state;
    if (name == "--run") path = &options.run;
    if (path == nullptr && name != "--idle") {
      if (argument == "--foreground" || argument == "--quiet")
        options.foreground = argument == "--foreground";
      else if (argument == "--help")
        options.wanted = Options::Wanted::help;
      else if (argument == "--version")
        options.wanted = Options::Wanted::version;
      else
        return fail(Error::invalid("unknown option " + std::string(argument)));
      continue;
    }
    if (!has_value && i + 1 == arguments.size())
      return fail(Error::invalid(std::string(name) + " needs a value"));
    const std::string_view value = has_value ? argument.substr(name.size() + 1) : arguments[++i];
    if (path != nullptr) {
      if (!value.starts_with('/')) return fail(Error::invalid(std::string(name) + " needs an absolute path"));
      *path = value;
    } else {
      std::uint32_t seconds = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
      if (error != std::errc() || end != value.data() + value.size() || seconds == 0)
        return fail(Error::invalid("--idle needs a number of seconds, 1 or more"));
      options.idle_seconds = seconds;
    }
  }
  return options;
}

}  // namespace certlatch
