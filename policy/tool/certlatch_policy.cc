// SPDX-License-Identifier: MIT
// certlatch-policy: reads a policy, and says what it means. Changes nothing; only `suggest` and `check
// --ruleset`, which read the ruleset in force, need root.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "policy/tool/ask.h"
#include "policy/tool/explain.h"
#include "policy/tool/gate.h"
#include "policy/tool/history.h"
#include "policy/tool/misfits.h"
#include "policy/tool/rules.h"
#include "policy/tool/suggest.h"
#include "policy/tool/warnings.h"
#include "policy/tool/words.h"
#include "protocol/small_file.h"

namespace certlatch {
namespace {

constexpr char kInstalledPolicy[] = "/etc/certlatch/policy.conf";

enum ExitCode : int { kDone = 0, kRefused = 1, kWrongInput = 2 };

struct Options {
  std::string policy = kInstalledPolicy;
  bool json = false;
  bool quiet = false;
  bool ruleset = false;
  std::vector<std::string> question;
  std::vector<std::string> logs;
};

void print(std::string_view text) { fmt::print("{}", text); }

// A name of the file system may be any bytes.
void print_json(const nlohmann::ordered_json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

// The installed policy is read as the broker reads it; any other is a draft, wherever it lies.
PolicyReading load(const Options& options) {
  if (options.policy == kInstalledPolicy) return load_policy(options.policy);
  const auto text = read_small_file(AT_FDCWD, options.policy.c_str(), kMaxPolicyBytes + 1, 0);
  if (!text) return std::unexpected(std::vector{Fault{options.policy, 0, text.error().message}});
  return read_policy(*text, options.policy);
}

void print_faults(const std::vector<Fault>& faults) {
  for (const Fault& fault : faults) fmt::print(stderr, "{}\n", fault.text());
}

nlohmann::ordered_json as_json(const std::vector<Fault>& faults) {
  auto list = nlohmann::ordered_json::array();
  for (const Fault& fault : faults) list.push_back({{"line", fault.line}, {"sentence", fault.sentence}});
  return list;
}

/// An opening of the policy, and what keeps it from working.
struct Fit {
  const OpeningEntry& entry;
  std::vector<Misfit> misfits;
  [[nodiscard]] bool is_through() const { return std::ranges::none_of(misfits, &Misfit::is_certain); }
};

Result<std::vector<Fit>> fits_of(const Policy& policy) {
  const auto firewall = Firewall::read();
  if (!firewall) return fail(firewall.error());
  if (auto shut = check_none_is_open(*firewall); !shut) return fail(shut.error());
  std::vector<Fit> fits;
  for (const OpeningEntry& entry : policy.openings) fits.push_back({entry, misfits_of(entry, *firewall)});
  return fits;
}

nlohmann::ordered_json as_json(const std::vector<Fit>& fits) {
  auto list = nlohmann::ordered_json::array();
  for (const Fit& fit : fits) {
    auto misfits = nlohmann::ordered_json::array();
    for (const Misfit& it : fit.misfits)
      misfits.push_back({{"sentence", it.sentence}, {"remedy", it.remedy}, {"certain", it.is_certain}});
    list.push_back({{"opening", fit.entry.name},
                    {"line", fit.entry.gate_line},
                    {"through", fit.is_through()},
                    {"misfits", misfits}});
  }
  return list;
}

void print_fits(const std::vector<Fit>& fits, const Options& options) {
  for (const Fit& fit : fits) {
    for (const Misfit& it : fit.misfits) {
      if (options.quiet && !it.is_certain) continue;
      print_faults({{options.policy, fit.entry.gate_line,
                     fmt::format("{}[open {}]: {}: {}", it.is_certain ? "" : "warning: ", fit.entry.name,
                                 it.sentence, it.remedy)}});
    }
    if (fit.misfits.empty())
      print(fmt::format("[open {}]: the ruleset in force lets its connections through\n", fit.entry.name));
  }
}

void complain_of_ruleset(const Error& error, std::string_view command) {
  fmt::print(
      stderr, "certlatch-policy: {}{}\n", error.message,
      error.kind == Error::Kind::refused ? fmt::format(": run `sudo certlatch-policy {}`", command) : "");
}

int check(const Options& options) {
  const auto policy = load(options);
  const auto faults = policy ? std::vector<Fault>() : policy.error();
  const auto warnings = policy ? warnings_for(*policy) : std::vector<Fault>();
  const bool looks = options.ruleset && policy;
  const auto fits = looks ? fits_of(*policy) : Result<std::vector<Fit>>(std::vector<Fit>());
  const bool are_through = fits && std::ranges::all_of(*fits, &Fit::is_through);
  const int code = !policy || !fits ? kWrongInput : are_through ? kDone : kRefused;
  if (!fits) complain_of_ruleset(fits.error(), "check --ruleset");
  if (options.json) {
    nlohmann::ordered_json all{{"policy", options.policy},
                               {"sound", policy.has_value()},
                               {"faults", as_json(faults)},
                               {"warnings", as_json(warnings)}};
    if (looks && fits) all["openings"] = as_json(*fits);
    if (!fits) all["trouble"] = fits.error().message;
    print_json(all);
    return code;
  }
  print_faults(faults);
  for (Fault warning : warnings) {
    if (options.quiet) break;
    warning.sentence.insert(0, "warning: ");
    print_faults({warning});
  }
  if (!policy) return code;
  print(fmt::format("{}: sound, with {}, {} and {}\n", options.policy,
                    counted(policy->openings.size(), "opening"), counted(policy->installs.size(), "install"),
                    counted(policy->services.size(), "service")));
  if (fits) print_fits(*fits, options);
  return code;
}

int explain_it(const Policy& policy, const Options& options) {
  const Explanation explanation = explain(policy);
  if (!options.json) return print(page_of(explanation)), kDone;
  auto permissions = nlohmann::ordered_json::array();
  for (const Permission& it : explanation.permissions) {
    permissions.push_back(
        {{"kind", it.kind}, {"entry", it.entry}, {"line", it.line}, {"sentence", it.sentence}});
  }
  print_json(nlohmann::ordered_json{{"policy", explanation.policy},
                                    {"digest", explanation.digest},
                                    {"worker", explanation.worker},
                                    {"who", explanation.who},
                                    {"permissions", permissions},
                                    {"not_possible", explanation.not_possible},
                                    {"held_by_kernel",
                                     {{"user", explanation.held.user},
                                      {"capabilities", explanation.held.capabilities},
                                      {"paths", explanation.held.paths},
                                      {"system_calls", explanation.held.system_calls},
                                      {"checked_calls", explanation.held.checked_calls},
                                      {"programs", explanation.held.programs}}}});
  return kDone;
}

int answer(const Policy& policy, const Options& options) {
  const auto verdict = ask(policy, fmt::format("{}", fmt::join(options.question, " ")));
  if (!verdict) return fmt::print(stderr, "certlatch-policy: {}\n", verdict.error().message), kWrongInput;
  if (options.json) {
    print_json(nlohmann::ordered_json{{"allowed", verdict->is_allowed},
                                      {"policy", options.policy},
                                      {"line", verdict->line},
                                      {"sentence", verdict->sentence}});
  } else {
    print(verdict->sentence + "\n");
  }
  return verdict->is_allowed ? kDone : kRefused;
}

int rules(const Policy& policy, const Options& options) {
  if (!options.json) return print(rules_text(policy)), kDone;
  auto gates = nlohmann::ordered_json::array();
  for (const OpeningEntry& entry : policy.openings) {
    for (const Gate& it : entry.gates)
      gates.push_back({{"opening", entry.name}, {"chain", it.text()}, {"rule", gate_rule_text(entry)}});
  }
  print_json(
      nlohmann::ordered_json{{"policy", policy.file}, {"ruleset", rules_text(policy)}, {"gates", gates}});
  return kDone;
}

int gate(const Policy& policy, const Options& options) {
  if (!options.json) return print(gate_text(policy)), kDone;
  auto list = nlohmann::ordered_json::array();
  for (const OpeningEntry& entry : policy.openings) {
    nlohmann::ordered_json lines{{"opening", entry.name}, {"nftables", gate_rule_text(entry)}};
    for (const auto& [family, suffix] : {std::pair(Family::ip, ""), std::pair(Family::ip6, "6")}) {
      if (family == Family::ip6 && entry.to_loopback) continue;
      lines[fmt::format("ip{}tables", suffix)] = iptables_gate_text(entry, family);
      lines[fmt::format("ufw{}", suffix)] = ufw_gate_text(entry, family);
    }
    list.push_back(std::move(lines));
  }
  print_json(list);
  return kDone;
}

std::string_view name_of(GateKind gate) {
  return gate == GateKind::inserted ? "inserted" : gate == GateKind::is_static ? "static" : "none";
}

std::string_view name_of(Keeper keeper) {
  return keeper == Keeper::broker ? "broker" : keeper == Keeper::ufw ? "ufw" : "iptables-legacy";
}

int suggest_it(const Options& options) {
  const auto firewall = Firewall::read();
  const auto suggestion =
      firewall ? suggest(*firewall) : Result<Suggestion>(std::unexpected(firewall.error()));
  if (!suggestion) {
    complain_of_ruleset(suggestion.error(), "suggest");
    return kWrongInput;
  }
  if (options.json) {
    auto closed = nlohmann::ordered_json::array();
    for (const ClosedChain& it : suggestion->closed)
      closed.push_back({{"chain", it.place.text()}, {"reason", it.reason}, {"keeper", name_of(it.keeper)}});
    auto obstacles = nlohmann::ordered_json::array();
    for (const Obstacle& it : suggestion->obstacles)
      obstacles.push_back({{"sentence", it.text()}, {"certain", it.is_certain}});
    print_json(nlohmann::ordered_json{{"enough", suggestion->is_enough()},
                                      {"section", section_text(*suggestion)},
                                      {"interfaces", suggestion->entry.interfaces},
                                      {"to", suggestion->entry.to_port},
                                      {"gate", name_of(suggestion->entry.gate)},
                                      {"chains", closed},
                                      {"share", suggestion->entry.share},
                                      {"obstacles", obstacles}});
  } else {
    print(section_text(*suggestion));
  }
  if (suggestion->is_enough()) return kDone;
  fmt::print(stderr,
             "certlatch-policy: the firewall drops the connections where no gate helps: see the "
             "{}\n",
             options.json ? "obstacles" : "comments");
  return kRefused;
}

std::optional<std::string> contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The log, and before it the one that rotation made of it, if it was not given by itself.
int audit(Options options) {
  if (options.logs.empty()) {
    const auto policy = load(options);
    if (!policy) return print_faults(policy.error()), kWrongInput;
    options.logs = {policy->audit};
  }
  std::vector<LogFile> files;
  if (options.logs.size() == 1)
    if (auto rotated = contents_of(options.logs[0] + ".1"))
      files.push_back({options.logs[0] + ".1", *rotated});
  for (const std::string& path : options.logs) {
    auto text = contents_of(path);
    if (!text) {
      fmt::print(stderr, "certlatch-policy: {}: {}\n", path, std::strerror(errno));
      return kWrongInput;
    }
    files.push_back({path, std::move(*text)});
  }
  const History history = read_history(files);
  print_faults(history.faults);
  if (!options.json) return print(page_of(history)), history.faults.empty() ? kDone : kRefused;
  auto lines = nlohmann::ordered_json::array();
  for (const LogEntry& entry : history.entries) {
    auto line =
        nlohmann::ordered_json{{"file", entry.file}, {"number", entry.line}, {"whole", entry.is_whole}};
    for (const auto& [name, value] : entry.fields) line["fields"][name] = value;
    lines.push_back(line);
  }
  print_json(nlohmann::ordered_json{{"whole", history.faults.empty()},
                                    {"has_beginning", history.has_beginning},
                                    {"end", history.end},
                                    {"faults", as_json(history.faults)},
                                    {"lines", lines}});
  return history.faults.empty() ? kDone : kRefused;
}

int run(int argc, char** argv) {
  CLI::App app("Reads the policy of certlatch's broker and says what it allows.", "certlatch-policy");
  Options options;
  app.set_version_flag("--version", "certlatch-policy " CERTLATCH_VERSION);
  app.set_help_flag("--help,-h", "Print this help and exit");
  app.add_option("--policy", options.policy, "The policy to read")->type_name("FILE")->capture_default_str();
  app.add_flag("--quiet", options.quiet, "Print errors only: the exit status is the answer");
  app.require_subcommand(1);
  // --policy, --quiet and --version may stand on either side of the command.
  app.fallthrough();

  const auto add_json = [&](CLI::App* command) { command->add_flag("--json", options.json, "Print JSON"); };
  auto* check_command = app.add_subcommand("check", "Is the policy sound? Every fault with its line");
  check_command->add_option("file", options.policy, "The policy to read, as with --policy")
      ->type_name("FILE");
  check_command->add_flag("--ruleset", options.ruleset,
                          "Besides: would each opening work in the firewall in force? Which gate is missing "
                          "or does not exist (as root)");
  add_json(check_command);
  auto* explain_command = app.add_subcommand("explain", "What the policy allows and what not, in sentences");
  add_json(explain_command);
  auto* ask_command = app.add_subcommand(
      "ask", "Would this be allowed? `open http`, `install example.org [NAME...]`, `restart nginx`");
  ask_command->add_option("question", options.question, "The request, in one or several words")->required();
  add_json(ask_command);
  auto* audit_command = app.add_subcommand("audit", "Is the audit log whole, and what does it say?");
  audit_command->add_option("file", options.logs, "The log, the oldest part first; by default the policy's")
      ->type_name("FILE");
  add_json(audit_command);
  auto* rules_command = app.add_subcommand("rules", "The nftables rules in force while everything is open");
  add_json(rules_command);
  auto* gate_command =
      app.add_subcommand("gate", "The line for your own firewall, for nftables, iptables and ufw");
  add_json(gate_command);
  auto* suggest_command = app.add_subcommand(
      "suggest", "An [open] section for the firewall in force, which it reads (as root) instead of a policy");
  add_json(suggest_command);
  app.footer(
      "Exit status: 0 sound, done or allowed; 1 refused (ask), the log is not whole (audit), or the firewall "
      "drops where no gate helps (suggest) or where the policy has none (check --ruleset); 2 a fault in the "
      "policy or in the command line, or the log or the firewall cannot be read.");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongInput;
  }

  if (options.quiet && std::freopen("/dev/null", "w", stdout) == nullptr) return kWrongInput;
  if (check_command->parsed()) return check(options);
  if (audit_command->parsed()) return audit(options);
  if (suggest_command->parsed()) return suggest_it(options);
  const auto policy = load(options);
  if (!policy) return print_faults(policy.error()), kWrongInput;
  if (explain_command->parsed()) return explain_it(*policy, options);
  if (ask_command->parsed()) return answer(*policy, options);
  if (rules_command->parsed()) return rules(*policy, options);
  if (gate_command->parsed()) return gate(*policy, options);
  return kDone;
}

}  // namespace
}  // namespace certlatch

int main(int argc, char** argv) {
  try {
    const int code = certlatch::run(argc, argv);
    // A full disk or a closed pipe must not look like an empty answer.
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 ? code : certlatch::kWrongInput;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "certlatch-policy: %s\n",
                 error.what());  // which does not throw when that is full, too
    return certlatch::kWrongInput;
  }
}
