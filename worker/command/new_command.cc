// SPDX-License-Identifier: MIT
// `certlatch new NAME...`
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "worker/command/become_worker.h"
#include "worker/command/command.h"
#include "worker/command/configuration_file.h"
#include "worker/command/overview_of_setting.h"
#include "worker/import/list_lines.h"
#include "worker/import/sections.h"
#include "worker/state/host_name.h"

namespace certlatch {
namespace {

struct Options {
  std::vector<std::string> names;
  std::string ca;
  std::string opening;
  std::string dns;
  std::string contact;
  std::vector<std::string> services;
  bool agree = false;
  bool only_print = false;
};

/// What the section is made of, when the command line makes sense.
struct NewCertificate {
  std::string section;  // the first of the names, without a wildcard's `*.`
  std::vector<std::string> names;
  std::string ca;
  std::string opening;  // or `dns`
  std::string dns;
};

/// Of what the command line says without the configuration.
Result<NewCertificate> certificate_of(const Options& options) {
  NewCertificate made;
  for (const auto& given : options.names) {
    auto name = TRY(canonical_name(given));
    if (std::ranges::find(made.names, name) != made.names.end())
      return fail(Error::invalid(fmt::format("`{}` is named twice", given)));
    made.names.push_back(std::move(name));
  }
  if (made.names.size() > kMaxNames)
    return fail(Error::invalid(fmt::format("a certificate has at most {} names", kMaxNames)));
  const auto& first = made.names.front();
  made.section = is_wildcard(first) ? first.substr(2) : first;
  if (const auto fault = fault_of_label(made.section); !fault.empty())
    return fail(Error::invalid(
        fmt::format("`{}`, as the first of the names, would be the section's: it {}", first, fault)));
  for (const auto& [option, value] :
       {std::pair{"--ca", &options.ca}, std::pair{"--opening", &options.opening},
        std::pair{"--dns", &options.dns}})
    if (const auto fault = fault_of_label(*value); !value->empty() && !fault.empty())
      return fail(Error::invalid(fmt::format("`{} {}`: the name {}", option, *value, fault)));
  return made;
}

Result<std::string> dns_section_for(const Options& options, const Setting& setting, const Config& config) {
  std::vector<std::string_view> known;
  for (const auto& dns : config.dns_sections) known.push_back(dns.name);
  if (!options.dns.empty()) {
    if (config.dns(options.dns) != nullptr) return options.dns;
    return fail(Error::invalid(fmt::format("{} has no [dns {}]", setting.config, options.dns)));
  }
  if (known.size() == 1) return std::string(known.front());
  if (!known.empty())
    return fail(
        Error::invalid(fmt::format("--dns says which [dns] proves a wildcard: {}", fmt::join(known, ", "))));
  return fail(Error::invalid(fmt::format(
      "a wildcard is proven by `challenge = dns-01` alone: write a [dns NAME] section into {} first "
      "(certlatch.conf(5))",
      setting.config)));
}

/// What the configuration has to say to it.
Result<void> fit_in(NewCertificate& made, const Options& options, const Setting& setting,
                    const Config& config) {
  const auto there = [&](const CertificateConfig& one) {
    return one.name == made.section || std::ranges::find(one.installs, made.section) != one.installs.end();
  };
  const auto other = std::ranges::find_if(config.certificates, there);
  if (other != config.certificates.end())
    return fail(Error::invalid(
        fmt::format("{} has [certificate {}]{} already", setting.config, other->name,
                    other->name == made.section ? "" : fmt::format(" with `install = {}`", made.section))));
  made.ca = !options.ca.empty() ? options.ca : config.cas.empty() ? "letsencrypt" : config.cas.front().name;
  if (!options.ca.empty() && config.ca(options.ca) == nullptr)
    return fail(Error::invalid(fmt::format("{} has no [ca {}]", setting.config, options.ca)));
  if (!options.dns.empty() || std::ranges::any_of(made.names, is_wildcard)) {
    made.dns = TRY(dns_section_for(options, setting, config));
    return {};
  }
  const auto used =
      std::ranges::find_if(config.certificates, [](const auto& one) { return !one.opening.empty(); });
  made.opening = !options.opening.empty()            ? options.opening
                 : used == config.certificates.end() ? "http"
                                                     : used->opening;
  return {};
}

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

std::string certificate_section(const NewCertificate& made) {
  const auto challenge = made.dns.empty() ? fmt::format("http-01\nopening   = {}\n", made.opening)
                                          : fmt::format("dns-01\ndns       = {}\n", made.dns);
  return fmt::format("[certificate {0}]\n{1}ca        = {2}\nchallenge = {3}install   = {0}\n", made.section,
                     list_lines("names", made.names), made.ca, challenge);
}

void print_policy(const NewCertificate& made, const Options& options, const Setting& setting) {
  ProposedInstall install{.name = made.section, .names = made.names};
  for (const auto& service : options.services) install.services.push_back({service});
  std::vector<ProposedOpening> openings;
  if (!made.opening.empty()) openings.push_back({made.opening});
  const auto asked = ask_broker(setting, {made.section});
  const auto lines = policy_sections(openings, {install}, asked ? std::optional(*asked) : std::nullopt);
  if (lines.empty()) return fmt::print("The broker's policy has the entries already.\n");
  fmt::print(
      "{}, needs:\n\n{}\n`certlatch-policy check` tells what is wrong with it, and `systemctl restart "
      "certlatchd.service` has it read.\n",
      asked ? "The broker's policy, /etc/certlatch/policy.conf"
            : "The broker cannot be asked what its policy has. Its file, /etc/certlatch/policy.conf",
      lines);
}

int run_new(const Setting& setting, const Options& options) {
  // Before a file is made for it.
  auto made = certificate_of(options);
  if (!made) return complain(kUsage, made.error().message);
  // While this is root: the file is root's as a rule. What follows is the worker's business.
  auto file = options.only_print ? Result<ConfigurationFile>(fail(Error::invalid("")))
                                 : ConfigurationFile::open(setting.config);
  if (is_root())
    if (auto became = become_worker(setting); !became && file) complain(kDone, became.error().message);
  const auto before = text_of_configuration(setting.config);
  const auto reading = read_config(before, setting.config);
  for (const auto& fault : reading.faults) fmt::print(stderr, "{}\n", fault.text());
  if (!reading.config) return kUsage;
  if (auto fits = fit_in(*made, options, setting, *reading.config); !fits)
    return complain(kUsage, fits.error().message);
  const bool is_first = reading.config->cas.empty();
  const auto text = (is_first ? ca_section(options) : "") + certificate_section(*made);
  const auto lead = std::string(space_after(before));
  // The lines that have a fault are in no file.
  const auto after = read_config(before + lead + text, setting.config);
  for (const auto& fault : after.faults) complain(kUsage, "what would be added: " + fault.sentence);
  if (!after.config) return kUsage;
  if (file)
    if (auto added = file->append(lead + text); !added) return complain(kFailed, added.error().message);
  if (!setting.quiet) {
    fmt::print("{} {}:\n\n{}\n", file ? "Added to" : "To be added to", setting.config, text);
    print_policy(*made, options, setting);
    if (is_first && !options.agree) fmt::print("Read the CA's terms of service, and write `agree = yes`.\n");
  }
  if (file || options.only_print) return kDone;
  return complain(kFailed,
                  fmt::format("{}: nothing was changed. Run this with sudo, or add the lines{} as root",
                              file.error().message, setting.quiet ? " that --print shows" : " above"));
}

}  // namespace

void add_new_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto& command =
      line.add("new", "write a configuration section, and print the policy lines it needs", options, run_new);
  command.add_option("NAME", options->names, "the certificate's names, the first of them its section's")
      ->required();
  command.add_option("--ca", options->ca, "a [ca] of the configuration")->option_text("CA");
  command
      .add_option("--opening", options->opening, "an [open] entry of the policy (the one in use, or http)")
      ->option_text("ENTRY");
  command.add_option("--dns", options->dns, "prove the names by this [dns] of the configuration")
      ->option_text("DNS")
      ->excludes("--opening");
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
