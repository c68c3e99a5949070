// SPDX-License-Identifier: MIT
// `certlatch import certbot [DIRECTORY]`
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "worker/command/become_worker.h"
#include "worker/command/command_run.h"
#include "worker/command/configuration_file.h"
#include "worker/command/overview_of_setting.h"
#include "worker/import/certbot_files.h"
#include "worker/import/proposal.h"
#include "worker/run/adopt.h"
#include "worker/show/words.h"
#include "worker/state/host_name.h"

namespace certlatch {
namespace {

struct Options {
  std::string directory = "/etc/letsencrypt";
  std::vector<std::string> only;
  bool dry_run = false;
  bool replace = false;
  bool configure = false;
};

class Import {
 public:
  Import(Run& run, const Options& options, const CertbotFiles& files)
      : run_(run), options_(options), files_(files), helpers_(run), adoption_(run, helpers_) {}

  Result<void> carry_out() {
    if (auto started = helpers_.start_keeper(); !started) return started;
    if (auto started = helpers_.start_acme(); !started) return started;
    if (auto told = helpers_.tell_acme(); !told) return told;
    read_defaults();
    for (const auto& lineage : files_.lineages)
      if (is_meant(lineage.name) && !run_.stop.is_requested()) take(lineage);
    for (const auto& name : options_.only)
      if (std::ranges::find(files_.lineages, name, &CertbotLineage::name) == files_.lineages.end())
        complain(name, fmt::format("{}/renewal has no {}.conf", files_.path, name));
    return {};
  }

  [[nodiscard]] Proposal proposal() const {
    return propose(run_.config, files_.path, certificates_, cas_,
                   {files_.pre_hooks, files_.deploy_hooks, files_.post_hooks});
  }
  [[nodiscard]] bool is_whole() const { return is_whole_; }
  [[nodiscard]] bool has_any() const { return !certificates_.empty(); }

 private:
  [[nodiscard]] bool is_meant(const std::string& name) const {
    return options_.only.empty() || std::ranges::find(options_.only, name) != options_.only.end();
  }

  void complain(std::string_view about, std::string_view sentence) {
    run_.report.problem(fmt::format("{}: {}", about, sentence));
    is_whole_ = false;
  }

  void read_defaults() {
    if (!files_.defaults.is_open()) return;
    auto text = text_of_file(files_.defaults);
    const auto read = text ? read_certbot_text(*text) : Result<CertbotText>(fail(text.error()));
    if (read)
      defaults_ = std::move(*text);
    else
      complain("cli.ini", read.error().message);
  }

  void take(const CertbotLineage& lineage) {
    if (const auto fault = fault_of_label(lineage.name); !fault.empty())
      return complain(lineage.name, fmt::format("the name {}, and so cannot be a section's", fault));
    const auto text = lineage.renewal.is_open() ? text_of_file(lineage.renewal)
                                                : Result<std::string>(fail(Error::invalid(lineage.trouble)));
    if (!text) return complain(lineage.name, text.error().message);
    auto renewal = read_certbot_renewal(*text, defaults_);
    if (!renewal)
      return complain(fmt::format("{}/renewal/{}.conf", files_.path, lineage.name), renewal.error().message);
    const CertbotCa* ca = ca_for(*renewal);
    if (ca == nullptr)
      return complain(lineage.name,
                      fmt::format("`{}` is no https:// URL of a CA's directory", renewal->server));
    if (!lineage.trouble.empty()) return complain(lineage.name, lineage.trouble);
    auto chain = text_of_file(lineage.chain);
    auto key = chain ? secret_of_file(lineage.key) : Result<Secret>(fail(chain.error()));
    const auto taken =
        key ? adoption_.take_certificate(lineage.name, ca->name, std::move(*chain), std::move(*key),
                                         options_.replace ? Replace::yes : Replace::no)
            : Result<AdoptedCertificate>(fail(key.error()));
    if (!taken) {
      const bool is_kept = taken.error().kind == Error::Kind::conflict;
      return complain(lineage.name, taken.error().message + (is_kept ? "; --replace takes certbot's" : ""));
    }
    say_taken(lineage.name, *taken);
    certificates_.push_back(
        {lineage.name, taken->names, taken->key, std::move(*renewal), lineage.key_mode, lineage.key_group});
  }

  void say_taken(const std::string& name, const AdoptedCertificate& taken) {
    const auto what = taken.was_there    ? "was taken over before"
                      : options_.dry_run ? "would be taken over"
                                         : "taken over";
    const auto due = taken.renewal <= run_.now() ? "due now" : "due " + date_text(taken.renewal);
    run_.report.say(fmt::format("{}: {}; valid until {}, {}", name, what, date_text(taken.not_after), due));
  }

  /// The CA's [ca], with the account that the lineage names; each is taken when it is first met. nullptr when
  /// the URL is none.
  const CertbotCa* ca_for(const CertbotRenewal& renewal) {
    constexpr std::string_view kScheme = "https://";
    const auto known = std::ranges::find(cas_, renewal.server, &CertbotCa::directory);
    if (known != cas_.end()) {
      if (accounts_.at(renewal.server) != renewal.account && !renewal.account.empty())
        complain("ca " + known->name,
                 fmt::format(
                     "certbot has several accounts there; {} is left, and its certificates are renewed with "
                     "the other",
                     renewal.account));
      return &*known;
    }
    const bool is_url = renewal.server.starts_with(kScheme) && renewal.server.size() > kScheme.size() &&
                        renewal.server.find_first_of(" \t\"'#;\\@") == std::string::npos;
    if (!is_url) return nullptr;
    CertbotCa ca{renewal.server, ca_name_for(run_.config, renewal.server, cas_), {}};
    accounts_[renewal.server] = renewal.account;
    take_account(ca, fmt::format("{}/{}", renewal.server.substr(kScheme.size()), renewal.account));
    return &cas_.emplace_back(std::move(ca));
  }

  void take_account(CertbotCa& ca, const std::string& place) {
    const auto about = "ca " + ca.name;
    const auto account = std::ranges::find(files_.accounts, place, &CertbotAccount::place);
    if (account == files_.accounts.end())
      return complain(about,
                      fmt::format("{}/accounts/{} is not there: the first renewal makes another account",
                                  files_.path, place));
    CertbotRegistration registration;
    if (account->registration.is_open())
      if (const auto text = text_of_file(account->registration))
        registration = read_certbot_registration(*text, ca.directory);
    ca.contact = registration.contact;
    auto key = secret_of_file(account->key);
    const auto taken = key ? adoption_.take_account(ca.name, std::move(*key), registration.url)
                           : Result<bool>(fail(key.error()));
    if (!taken) return complain(about, taken.error().message);
    const auto what = !*taken            ? "the account was taken over before"
                      : options_.dry_run ? "the account would be taken over"
                                         : "the account is taken over";
    run_.report.say(
        fmt::format("{}: {}{}{}", about, what, registration.url.empty() ? "" : ", ", registration.url));
  }

  Run& run_;
  const Options& options_;
  const CertbotFiles& files_;
  Helpers helpers_;
  Adoption adoption_;
  std::string defaults_;  // cli.ini
  std::vector<CertbotCa> cas_;
  std::map<std::string, std::string> accounts_;  // the id of each CA's, by directory
  std::vector<CertbotCertificate> certificates_;
  bool is_whole_ = true;
};

void print(const Proposal& proposal, const Setting& setting, bool is_added) {
  std::vector<std::string> installs;
  for (const auto& install : proposal.installs) installs.push_back(install.name);
  const auto asked = ask_broker(setting, installs);
  const auto policy =
      policy_sections(proposal.openings, proposal.installs, asked ? std::optional(*asked) : std::nullopt);
  if (!proposal.configuration.empty())
    fmt::print("\n{} {}:\n\n{}", is_added ? "Added to" : "To be added to", setting.config,
               proposal.configuration);
  if (!policy.empty())
    fmt::print(
        "\nTo be added to /etc/certlatch/policy.conf; then `certlatch-policy check`, and `systemctl restart "
        "certlatchd.service`:\n\n{}",
        policy);
  fmt::print("\nTo be looked at:\n\n");
  for (const auto& remark : proposal.remarks) fmt::print("- {}\n", remark);
  fmt::print(
      "- then `certlatch renew`, which installs what was taken over and asks no CA for anything, and "
      "`certlatch doctor`\n"
      "- when that is well, certbot must not renew the same names: systemctl disable --now certbot.timer, "
      "and "
      "`certbot renew` out of every crontab\n");
}

/// As root until the files are open, and as the worker's user from then on.
int run_import(const Setting& setting, const Options& options) {
  auto files = open_certbot_files(options.directory);
  if (!files) return complain(kFailed, files.error().message);
  std::optional<ConfigurationFile> configuration_file;
  if (options.configure && !options.dry_run) {
    auto opened = ConfigurationFile::open(setting.config);
    if (!opened) return complain(kFailed, opened.error().message);
    configuration_file = std::move(*opened);
  }
  if (auto became = become_worker(setting); !became) return complain(kFailed, became.error().message);
  const auto before = text_of_configuration(setting.config);
  auto reading = read_config(before, setting.config);
  for (const auto& fault : reading.faults) fmt::print(stderr, "{}\n", fault.text());
  if (!reading.config) return kUsage;
  int code = kDone;
  auto command_run = CommandRun::start(setting, std::move(*reading.config), code);
  if (!command_run) return code;
  Run run = command_run->run();
  run.trial = options.dry_run ? Trial::yes : Trial::no;
  Import import(run, options, *files);
  if (auto done = import.carry_out(); !done) return complain(kFailed, done.error().message);
  if (!import.has_any()) return complain(kFailed, "no certificate was taken over");
  const auto proposal = import.proposal();
  bool is_whole = import.is_whole();
  const auto text = fmt::format("{}{}", space_after(before), proposal.configuration);
  const auto after = read_config(before + text, setting.config);
  if (!proposal.configuration.empty() && !after.config) {
    for (const auto& fault : after.faults) fmt::print(stderr, "{}\n", fault.text());
    is_whole = false;
    complain(kFailed, "what is proposed for the configuration has these faults, and is not added");
  } else if (configuration_file && !proposal.configuration.empty()) {
    if (auto added = configuration_file->append(text); !added)
      return complain(kFailed, added.error().message);
  }
  if (!setting.quiet) print(proposal, setting, configuration_file.has_value() && after.config);
  if (!setting.quiet && options.dry_run) fmt::print("\nNothing was changed.\n");
  return is_whole ? kDone : kFailed;
}

}  // namespace

void add_import_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto& import =
      line.add("import", "take over another client's accounts and certificates", options, run_import);
  import.require_subcommand(1);
  auto* certbot = import.add_subcommand("certbot", "certbot's; run it as root, which it gives up at once");
  certbot->fallthrough();
  certbot->add_option("DIRECTORY", options->directory, "certbot's, or a copy of it (/etc/letsencrypt)");
  certbot->add_option("--only", options->only, "this certificate alone; may be repeated")
      ->option_text("NAME")
      ->expected(1)
      ->take_all();
  certbot->add_flag("--dry-run", options->dry_run, "look at everything, and change nothing");
  certbot->add_flag("--replace", options->replace,
                    "take certbot's in the place of a certificate that is kept");
  certbot->add_flag("--configure", options->configure, "add the sections to the configuration as well");
}

}  // namespace certlatch
