// SPDX-License-Identifier: MIT
#include "worker/run/renewal_info.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <map>

#include "worker/show/words.h"

namespace certlatch {
namespace {

// A CA that does not answer must not hold a run up for long: the acme process gives up by itself well before.
constexpr std::chrono::seconds kPatience{180}, kSendDeadline{10};

bool is_to_be_asked(const Run& run, const Work& work) {
  const auto& issued = work.state.issued;
  if (!issued || issued->renewal_id.empty() || issued->ask_again > run.now()) return false;
  return std::ranges::find(work.config->cas, issued->ca) != work.config->cas.end();
}

/// A moment of the window, each as likely as any other: not all hosts shall come at once.
Seconds drawn_from(Seconds start, Seconds end) {
  constexpr Seconds kMost = 0x7fffffff;
  const Seconds length = std::clamp<Seconds>(end - start, 1, kMost);
  return start + static_cast<Seconds>(randombytes_uniform(static_cast<std::uint32_t>(length)));
}

void take(Run& run, Work& work, const RenewalInfo& answer) {
  IssuedCertificate& issued = *work.state.issued;
  issued.ask_again = next_question(run.now(), answer.retry_after);
  if (!answer.sentence.empty())
    run.report.detail(fmt::format("{}: no renewal information: {}", work.config->name, answer.sentence));
  if (answer.start != 0 && answer.start < answer.end) {
    // A window that stays keeps its moment: drawn anew each time, an early one would always win.
    const bool is_same =
        issued.suggested && issued.suggested->start == answer.start && issued.suggested->end == answer.end;
    if (!is_same)
      issued.suggested = SuggestedRenewal{answer.start, answer.end, drawn_from(answer.start, answer.end)};
    run.report.detail(fmt::format("{}: {} suggests renewal from {} to {}{}{}", work.config->name, issued.ca,
                                  time_text(answer.start), time_text(answer.end),
                                  answer.explanation.empty() ? "" : "; it explains: ", answer.explanation));
  } else if (answer.sentence.empty()) {
    issued.suggested.reset();  // the CA does not offer any
  }
  run.save(work);
}

}  // namespace

void ask_when_to_renew(Run& run, Helpers& helpers) {
  std::map<std::uint32_t, Work*> asked;
  for (std::uint32_t i = 0; i < run.work.size(); ++i)
    if (is_to_be_asked(run, run.work[i])) asked[i] = &run.work[i];
  if (asked.empty()) return;
  if (!helpers.start_acme() || !helpers.tell_acme()) return;
  for (const auto& [id, work] : asked) {
    const IssuedCertificate& issued = *work->state.issued;
    if (!helpers.acme->channel().send(AcmeOrder(AskRenewalInfo{id, issued.ca, issued.renewal_id}),
                                      in(kSendDeadline)))
      return;
  }
  const Deadline deadline = in(kPatience);
  while (!asked.empty() && !run.stop.is_requested()) {
    auto answer = helpers.acme->channel().receive<AcmeAnswer>(deadline);
    if (!answer) return run.report.detail(helpers.acme->explain(answer.error()).message);
    if (const auto* line = std::get_if<Spoke>(&*answer)) run.report.detail("acme: " + line->line);
    const auto* info = std::get_if<RenewalInfo>(&*answer);
    const auto found = info == nullptr ? asked.end() : asked.find(info->id);
    if (found == asked.end()) continue;
    take(run, *found->second, *info);
    asked.erase(found);
  }
}

}  // namespace certlatch
