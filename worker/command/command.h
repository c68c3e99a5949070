// SPDX-License-Identifier: MIT
// What the commands of certlatch(1) have in common. Each command is a file of its own: it adds itself to the
// command line, and its action runs when that has been read whole.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/state/config.h"
#include "worker/state/schedule.h"

namespace certlatch {

enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kBroker = 3,
  kDeployment = 4,
  kChanged = 10,
  kLocked = 75,
};

/// The options that every command has.
struct Setting {
  std::string config = "/etc/certlatch/certlatch.conf";
  std::string state = "/var/lib/certlatch";
  std::string socket = "/run/certlatch/broker.sock";
  bool quiet = false;
  bool verbose = false;
};

/// The command line under construction. Both references outlive the parsing.
struct CommandLine {
  CLI::App& app;
  const Setting& setting;
  std::function<int()> action = {};  // of the command that was given; returns the exit status

  /// `run` is called with the command's own options when this command was given.
  template <class Options>
  CLI::App& add(const std::string& name, const std::string& what, std::shared_ptr<Options> options,
                int (*run)(const Setting&, const Options&)) {
    CLI::App* command = app.add_subcommand(name, what);
    command->fallthrough();
    command->callback([this, options, run] { action = [=, this] { return run(setting, *options); }; });
    return *command;
  }
};

// One for each file of this directory.
void add_account_command(CommandLine& line);
void add_delete_command(CommandLine& line);
void add_doctor_command(CommandLine& line);
void add_import_command(CommandLine& line);
void add_list_command(CommandLine& line);
void add_new_command(CommandLine& line);
void add_renew_command(CommandLine& line);
void add_revoke_command(CommandLine& line);
void add_status_command(CommandLine& line);
void add_verify_command(CommandLine& line);

/// Prints "certlatch: SENTENCE" to standard error and returns `code`.
int complain(int code, std::string_view sentence);
[[nodiscard]] Seconds now();
/// Nothing when the file has faults; they are printed.
[[nodiscard]] std::optional<Config> configuration(const Setting& setting);
/// The same, and nothing when it lacks one of `names`; that is printed as well.
[[nodiscard]] std::optional<Config> configuration_with(const Setting& setting,
                                                       const std::vector<std::string>& names);

}  // namespace certlatch
