// SPDX-License-Identifier: MIT
// `certlatch new NAME...`
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "worker/command/become_worker.h"
#include "worker/command/command.h"
#include "worker/command/configuration_file.h"
#include "worker/command/overview_of_setting.h"
#include "worker/import/sections.h"

namespace certlatch {
namespace {

struct Options {
  std::vector<std::string> names;
  std::string ca;
  std::string opening;
  std::string contact;
  std::vector<std::string> services;
  bool agree = false;
  bool only_print = false;
};

constexpr std::string_view kLetsEncrypt =
    "[ca letsencrypt]\ndirectory = https://acme-v02.api.letsencrypt.org/directory\n";

std::string ca_section(const Options& options) {
  std::string text(kLetsEncrypt);
  if (!options.contact.empty()) text += fmt::format("contact   = {}\n", options.contact);
  // Nobody agrees to anything by typing the name of a host.
  text += fmt::format("agree     = {}   # to https://letsencrypt.org/repository/\n\n",
                      options.agree ? "yes" : "no");
  return text;
}

std::string certificate_section(const Options& options, const std::string& ca) {
  return fmt::format(
      "[certificate {}]\nnames     = {}\nca        = {}\nchallenge = http-01\nopening   = {}\ninstall   = "
      "{}\n",
      options.names.front(), fmt::join(options.names, " "), ca, options.opening, options.names.front());
}

std::string policy_lines(const Options& options, const std::optional<StatusAnswer>& broker) {
  ProposedInstall install{.name = options.names.front(), .names = options.names};
  for (const auto& service : options.services) install.services.push_back({service});
  return policy_sections({{options.opening}}, {install}, broker);
}

void print_policy(const Options& options, const Setting& setting) {
  const auto asked = ask_broker(setting, {options.names.front()});
  const auto lines = policy_lines(options, asked ? std::optional(*asked) : std::nullopt);
  if (lines.empty()) return fmt::print("The broker's policy has the entries already.\n");
  fmt::print(
      "{}, needs:\n\n{}\n`certlatch-policy check` tells what is wrong with it, and `systemctl restart "
      "certlatchd.service` has it read.\n",
      asked ? "The broker's policy, /etc/certlatch/policy.conf"
            : "The broker cannot be asked what its policy has. Its file, /etc/certlatch/policy.conf",
      lines);
}

int run_new(const Setting& setting, const Options& given) {
  Options options = given;
  // While this is root: the file is root's as a rule. What follows is the worker's business.
  auto file = options.only_print ? Result<ConfigurationFile>(fail(Error::invalid("")))
                                 : ConfigurationFile::open(setting.config);
  if (is_root())
    if (auto became = become_worker(setting); !became && file) complain(kDone, became.error().message);
  const auto before = text_of_configuration(setting.config);
  const auto reading = read_config(before, setting.config);
  for (const auto& fault : reading.faults) fmt::print(stderr, "{}\n", fault.text());
  if (!reading.config) return kUsage;
  const Config& config = *reading.config;
  if (options.opening.empty())
    options.opening = config.certificates.empty() || config.certificates.front().opening.empty()
                          ? "http"
                          : config.certificates.front().opening;
  std::string text(space_after(before));
  std::string ca = options.ca;
  if (ca.empty() && config.cas.empty()) text += ca_section(options);
  if (ca.empty()) ca = config.cas.empty() ? "letsencrypt" : config.cas.front().name;
  text += certificate_section(options, ca);
  const auto after = read_config(before + text, setting.config);
  for (const auto& fault : after.faults) fmt::print(stderr, "{}\n", fault.text());
  if (!after.config) return kUsage;
  if (file)
    if (auto added = file->append(text); !added) return complain(kFailed, added.error().message);
  fmt::print("{} {}:\n\n{}\n", file ? "Added to" : "To be added to", setting.config,
             std::string_view(text).substr(std::min(text.find_first_not_of('\n'), text.size())));
  print_policy(options, setting);
  if (config.cas.empty() && options.ca.empty() && !options.agree)
    fmt::print("Read the CA's terms of service, and write `agree = yes`.\n");
  if (file || options.only_print) return kDone;
  return complain(kFailed,
                  fmt::format("{}: nothing was changed. Run this with sudo, or add the lines above as root",
                              file.error().message));
}

}  // namespace

void add_new_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto& command =
      line.add("new", "write a configuration section, and print the policy lines it needs", options, run_new);
  command.add_option("NAME", options->names, "the certificate's names, the first of them its section's")
      ->required();
  command.add_option("--ca", options->ca, "a [ca] of the configuration")->option_text("CA");
  command.add_option("--opening", options->opening, "an [open] entry of the policy (http)")
      ->option_text("ENTRY");
  command.add_option("--service", options->services, "that uses the certificate; may be repeated")
      ->option_text("SERVICE")
      ->expected(1)
      ->take_all();
  command.add_option("--contact", options->contact, "for a new [ca]: your mail address")
      ->option_text("ADDRESS");
  command.add_flag("--agree", options->agree, "for a new [ca]: you agree to its terms of service");
  command.add_flag("--print", options->only_print, "change no file");
}

}  // namespace certlatch
