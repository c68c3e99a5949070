// SPDX-License-Identifier: MIT
// `certlatch account ...`
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "worker/command/command_run.h"
#include "worker/command/key_file.h"
#include "worker/run/accounts.h"

namespace certlatch {
namespace {

enum class Command : std::uint8_t { show, update, rollover, deactivate, export_key, import_key };

struct CommandName {
  const char* name;
  const char* text;
  Command command;
};
constexpr CommandName kCommands[] = {
    {"show", "what the CA knows of the account", Command::show},
    {"update", "tell the CA the configuration's contacts", Command::update},
    {"rollover", "give the account a fresh key", Command::rollover},
    {"deactivate", "end the account for good", Command::deactivate},
    {"export", "print the account's private key", Command::export_key},
    {"import", "take over an account by its private key", Command::import_key}};

struct Options {
  Command command = Command::show;
  std::string ca;
  std::string file;
  bool json = false;
  bool as_jwk = false;
};

/// The [ca] that is meant; nullptr, after saying so, when none is.
const CaConfig* chosen_ca(const Setting& setting, const Options& options, const Config& config) {
  if (!options.ca.empty()) {
    const CaConfig* ca = config.ca(options.ca);
    if (ca == nullptr) complain(kUsage, fmt::format("{} has no [ca {}]", setting.config, options.ca));
    return ca;
  }
  if (config.cas.size() == 1) return &config.cas.front();
  complain(kUsage, config.cas.empty() ? fmt::format("{} has no [ca NAME]", setting.config)
                                      : "there are several CAs: name the one that is meant");
  return nullptr;
}

int end_of(const Result<void>& done) { return done ? kDone : complain(kFailed, done.error().message); }

void print(const Options& options, const CaConfig& ca, const AccountShown& account) {
  if (options.json) {
    const nlohmann::json json = {{"ca", ca.name},
                                 {"url", account.url},
                                 {"status", account.status},
                                 {"contact", account.contact},
                                 {"terms", account.terms}};
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  fmt::print("{}\n  url      {}\n  status   {}\n  contact  {}\n", ca.name, account.url, account.status,
             account.contact.empty() ? "none" : fmt::format("{}", fmt::join(account.contact, " ")));
  if (!account.terms.empty()) fmt::print("  terms    {}\n", account.terms);
}

Result<void> print_key(Run& run, const CaConfig& ca, KeyForm form) {
  auto key = export_account(run, ca, form);
  if (!key) return fail(key.error());
  // Not through stdio, whose buffer is never wiped.
  for (std::string_view left = key->text(); !left.empty();) {
    const ssize_t n = ::write(STDOUT_FILENO, left.data(), left.size());
    if (n < 0 && errno != EINTR) return fail(Error::system("standard output"));
    if (n > 0) left.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

int run_account(const Setting& setting, const Options& options) {
  const Command command = options.command;
  auto config = configuration(setting);
  if (!config) return kUsage;
  const CaConfig* chosen = chosen_ca(setting, options, *config);
  if (chosen == nullptr) return kUsage;
  const CaConfig ca = *chosen;
  int code = kDone;
  auto command_run = CommandRun::start(setting, std::move(*config), code);
  if (!command_run) return code;
  Run run = command_run->run();
  if (command == Command::export_key)
    return end_of(print_key(run, ca, options.as_jwk ? KeyForm::jwk : KeyForm::pem));
  if (command == Command::import_key) {
    auto key = read_key_file(options.file);
    if (!key) return complain(kFailed, key.error().message);
    auto imported = import_account(run, ca, std::move(*key));
    if (imported) run.report.say(fmt::format("{}: the account's key is imported", ca.name));
    return end_of(imported);
  }
  if (command == Command::rollover) {
    auto rolled = roll_account_over(run, ca);
    if (rolled) run.report.say(fmt::format("{}: the account has a new key", ca.name));
    return end_of(rolled);
  }
  const auto action = command == Command::show     ? AccountAction::show
                      : command == Command::update ? AccountAction::update
                                                   : AccountAction::deactivate;
  const auto account = ask_account(run, ca, action);
  if (!account) return complain(kFailed, account.error().message);
  if (!setting.quiet) print(options, ca, *account);
  return kDone;
}

}  // namespace

void add_account_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto& account = line.add("account", "the account at a CA", options, run_account);
  account.require_subcommand(1);
  for (const auto& [name, text, command] : kCommands) {
    auto* one = account.add_subcommand(name, text);
    one->fallthrough();
    one->callback([options, which = command] { options->command = which; });
    if (command == Command::show) one->add_flag("--json", options->json, "as JSON");
    if (command == Command::export_key)
      one->add_flag("--jwk", options->as_jwk, "as a JSON Web Key, as certbot keeps it, instead of PEM");
    if (command == Command::import_key)
      one->add_option("FILE", options->file, "the key, in PEM or as a JSON Web Key; - for standard input")
          ->required();
    one->add_option("CA", options->ca, "of a [ca CA] section; may be left out when there is one only");
  }
}

}  // namespace certlatch
