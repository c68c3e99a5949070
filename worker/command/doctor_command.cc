// SPDX-License-Identifier: MIT
// `certlatch doctor`
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "worker/command/become_worker.h"
#include "worker/command/command_run.h"
#include "worker/command/overview_of_setting.h"
#include "worker/doctor/examine.h"
#include "worker/doctor/policy_tool.h"
#include "worker/show/screen.h"

namespace certlatch {
namespace {

struct Options {
  bool json = false;
  bool no_opening = false;
  std::string policy = "/etc/certlatch/policy.conf";
};

/// What only root may look at, or open, as a rule: done before this process becomes the worker's.
struct RootsPart {
  std::optional<Result<std::string>> ruleset;  // nothing: this was not root
  Result<UniqueFd> policy;
  std::optional<CertbotFiles> certbot;
};

std::string_view text_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::good:
      return "good";
    case Verdict::doubtful:
      return "doubtful";
    case Verdict::bad:
      break;
  }
  return "bad";
}

void print_json(const Findings& findings) {
  nlohmann::json list = nlohmann::json::array();
  for (const Finding& finding : findings)
    list.push_back({{"verdict", text_of(finding.verdict)},
                    {"about", finding.about},
                    {"finding", finding.what},
                    {"remedy", finding.remedy}});
  fmt::print("{}\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_table(const Findings& findings) {
  const Screen screen = Screen::of(STDOUT_FILENO);
  std::size_t about = 5;
  for (const Finding& finding : findings)
    about = std::max(about, std::min<std::size_t>(finding.about.size(), 24));
  for (const Finding& finding : findings) {
    const Tone tone = finding.verdict == Verdict::good       ? Tone::good
                      : finding.verdict == Verdict::doubtful ? Tone::warning
                                                             : Tone::bad;
    Cell what{{finding.what, Tone::plain}};
    if (!finding.remedy.empty()) what.push_back({"-> " + finding.remedy, tone});
    const std::size_t left = screen.width - std::min(screen.width, about + 12);
    fmt::print(
        "{}",
        table_row(screen, {8, about, std::max<std::size_t>(left, 30)},
                  {{{std::string(text_of(finding.verdict)), tone}}, {{finding.about, Tone::strong}}, what}));
  }
}

void print(Findings findings, const Setting& setting, const Options& options) {
  if (setting.quiet) {
    std::erase_if(findings, [](const Finding& finding) { return finding.verdict != Verdict::bad; });
    if (findings.empty()) return;
  }
  options.json ? print_json(findings) : print_table(findings);
}

Result<UniqueFd> open_policy(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) return fail(Error::system(path));
  return file;
}

/// Without its keys, which are none of this command's business.
std::optional<CertbotFiles> open_certbot() {
  auto files = open_certbot_files("/etc/letsencrypt");
  if (!files) return std::nullopt;
  for (CertbotLineage& lineage : files->lineages) lineage.key = UniqueFd();
  files->accounts.clear();
  return std::move(*files);
}

Result<std::string> text_of_policy(const Result<UniqueFd>& file) {
  if (!file) return fail(file.error());
  constexpr std::size_t kMaxBytes = 4 * 1024 * 1024;
  std::string text(kMaxBytes + 1, '\0');
  std::size_t used = 0;
  while (used < text.size()) {
    const ssize_t n = ::read(file->get(), text.data() + used, text.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Error::system("read the policy"));
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
  }
  if (used > kMaxBytes) return fail(Error::invalid("the policy is longer than 4 MiB"));
  text.resize(used);
  return text;
}

void examine(Run& run, const Setting& setting, const Options& options, const RootsPart& roots,
             Findings& findings) {
  examine_state(run.store, findings);
  examine_schedule("", findings);
  examine_certbot(run, roots.certbot, findings);
  examine_files(run.config, findings);
  ServedFamilies served;
  if (const auto broker = ask_broker(setting, run.config.install_entries())) {
    findings.push_back({Verdict::good, "broker", "answers at " + setting.socket, ""});
    examine_policy(run.config, *broker, options.policy, text_of_policy(roots.policy), findings);
    served = families_of(*broker);
    if (!options.no_opening) examine_openings(run, served, findings);
  } else {
    findings.push_back({Verdict::bad, "broker", broker.error().message, "certlatchd(8), and its log"});
  }
  if (roots.ruleset)
    examine_ruleset(run.config, *roots.ruleset, findings);
  else
    say_that_root_sees_the_ruleset(run.config, findings);
  examine_addresses(run, served, findings);
  const auto identities = examine_cas(run, findings);
  examine_caa(run, identities, findings);
}

/// As root for the firewall and the files that are root's, and as the worker's user from then on.
int run_doctor(const Setting& setting, const Options& options) {
  RootsPart roots{.ruleset = {}, .policy = open_policy(options.policy), .certbot = {}};
  if (is_root()) {
    roots.ruleset = ask_policy_tool(options.policy);
    roots.certbot = open_certbot();
  }
  const auto refuse = [&](const Error& error) {
    print({{Verdict::bad, "state", error.message, ""}}, setting, options);
    return kFailed;
  };
  if (auto became = become_worker(setting); !became) return refuse(became.error());
  auto config = configuration(setting);
  if (!config) return kUsage;
  if (const auto store = Store::open(setting.state); !store) return refuse(store.error());
  int code = kDone;
  Setting quiet = setting;
  quiet.quiet = !setting.verbose;
  auto command_run = CommandRun::start(quiet, std::move(*config), code);
  if (!command_run) return code;
  Run run = command_run->run();
  Findings findings;
  examine(run, setting, options, roots, findings);
  print(findings, setting, options);
  const bool is_bad =
      std::ranges::any_of(findings, [](const auto& it) { return it.verdict == Verdict::bad; });
  return is_bad ? kFailed : kDone;
}

}  // namespace

void add_doctor_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto& doctor = line.add(
      "doctor", "would a renewal work now? each finding with its remedy; as root also of the firewall",
      options, run_doctor);
  doctor.add_flag("--json", options->json, "as JSON");
  doctor.add_option("--policy", options->policy, "the broker's policy")
      ->option_text("FILE")
      ->capture_default_str();
  doctor.add_flag("--no-opening", options->no_opening, "do not open and shut the ports for a trial");
}

}  // namespace certlatch
