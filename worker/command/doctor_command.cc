// SPDX-License-Identifier: MIT
// `certlatch doctor`
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "worker/command/command_run.h"
#include "worker/command/overview_of_setting.h"
#include "worker/doctor/examine.h"
#include "worker/show/screen.h"

namespace certlatch {
namespace {

struct Options {
  bool json = false;
  bool no_opening = false;
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

void print(const Findings& findings, const Setting& setting) {
  const Screen screen = Screen::of(STDOUT_FILENO);
  std::size_t about = 5;
  for (const Finding& finding : findings)
    about = std::max(about, std::min<std::size_t>(finding.about.size(), 24));
  for (const Finding& finding : findings) {
    if (setting.quiet && finding.verdict == Verdict::good) continue;
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

int run_doctor(const Setting& setting, const Options& options) {
  auto config = configuration(setting);
  if (!config) return kUsage;
  if (const auto store = Store::open(setting.state); !store) {
    const Findings alone{{Verdict::bad, "state", store.error().message, ""}};
    options.json ? print_json(alone) : print(alone, setting);
    return kFailed;
  }
  int code = kDone;
  Setting quiet = setting;
  quiet.quiet = !setting.verbose;
  auto command_run = CommandRun::start(quiet, std::move(*config), code);
  if (!command_run) return code;
  Run run = command_run->run();
  Findings findings;
  examine_state(run.store, findings);
  examine_schedule(run.config, "", findings);
  if (const auto broker = ask_broker(setting, run.config.install_entries())) {
    findings.push_back({Verdict::good, "broker", "answers at " + setting.socket, ""});
    examine_policy(run.config, *broker, "/etc/certlatch/policy.conf", findings);
    if (!options.no_opening) examine_openings(run, findings);
  } else {
    findings.push_back({Verdict::bad, "broker", broker.error().message, "certlatchd(8), and its log"});
  }
  examine_addresses(run, findings);
  const auto identities = examine_cas(run, findings);
  examine_caa(run, identities, findings);
  options.json ? print_json(findings) : print(findings, setting);
  const bool is_bad =
      std::ranges::any_of(findings, [](const auto& it) { return it.verdict == Verdict::bad; });
  return is_bad ? kFailed : kDone;
}

}  // namespace

void add_doctor_command(CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto& doctor =
      line.add("doctor", "would a renewal work now? each finding with its remedy", options, run_doctor);
  doctor.add_flag("--json", options->json, "as JSON");
  doctor.add_flag("--no-opening", options->no_opening, "do not open and shut the ports for a trial");
}

}  // namespace certlatch
