// SPDX-License-Identifier: MIT
#include "worker/state/certificate_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "worker/state/hex.h"

namespace certlatch {
namespace {

constexpr std::string_view kHeading = "certlatch-state 1";

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

/// START END AT
bool read_window(std::string_view text, SuggestedRenewal& window) {
  const auto words = words_of(text);
  return words.size() == 3 && read_number(words[0], window.start) && read_number(words[1], window.end) &&
         read_number(words[2], window.at);
}

/// ENTRY HEX DIRECTORY; the directory's path may hold blanks.
bool read_live(std::string_view text, LivePair& pair) {
  const auto first = text.find(' ');
  if (first == text.npos) return false;
  const auto second = text.find(' ', first + 1);
  if (second == text.npos) return false;
  pair.entry = text.substr(0, first);
  pair.directory = text.substr(second + 1);
  return read_hex(text.substr(first + 1, second - first - 1), pair.seen);
}

/// CA UNTIL
bool read_wait(std::string_view text, CaWait& wait) {
  const auto words = words_of(text);
  if (words.size() != 2) return false;
  wait.ca = words[0];
  return read_number(words[1], wait.until);
}

// What is between these and the step's name is in line_key().
constexpr std::string_view kCount = "failures", kLast = "last-failure", kReason = "failure";

/// `failures`, `last-failure` and `failure` of the attempts to get a certificate; `deployment-failures`,
/// `last-deployment-failure` and `deployment-failure`, and so on.
std::string line_key(const Step& step, std::string_view line) {
  if (step.failures == &CertificateState::failures) return std::string(line);
  return line == kLast ? fmt::format("last-{}-failure", step.name) : fmt::format("{}-{}", step.name, line);
}

// An error's text is for people and may come from far away: one line, no control characters.
std::string one_line(std::string_view text) {
  constexpr std::size_t kMaxBytes = 2048;
  std::string line(text.substr(0, kMaxBytes));
  std::ranges::replace_if(
      line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return line;
}

/// Of the lines that tell of a step's failures, the step's, or nullptr.
Failures* failures_of(CertificateState& state, std::string_view key, std::string_view line) {
  const auto step = std::ranges::find_if(kSteps, [&](const Step& one) { return key == line_key(one, line); });
  return step == kSteps.end() ? nullptr : &(state.*step->failures);
}

/// False when the key is unknown or its value makes no sense.
bool take(CertificateState& state, std::string_view key, std::string_view value) {
  const auto issued = [&]() -> IssuedCertificate& {
    return state.issued ? *state.issued : state.issued.emplace();
  };
  const auto order = [&]() -> PendingOrder& { return state.order ? *state.order : state.order.emplace(); };
  if (key == "ca") return issued().ca = value, true;
  if (key == "names") return issued().names = words_of(value), true;
  if (key == "issued") return read_number(value, issued().issued);
  if (key == "not-before") return read_number(value, issued().not_before);
  if (key == "not-after") return read_number(value, issued().not_after);
  if (key == "fingerprint") return read_hex(value, issued().fingerprint);
  if (key == "installed") return issued().installed.emplace_back(value), true;
  if (key == "renewal-id") return issued().renewal_id = value, true;
  if (key == "renewal-window") return read_window(value, issued().suggested.emplace());
  if (key == "ask-again") return read_number(value, issued().ask_again);
  if (key == "live") return read_live(value, issued().live.emplace_back());
  if (key == "verify") return issued().verify_pending = true, value == "pending";
  if (key == "deployed-command") return issued().hook_pending = true, value == "pending";
  if (key == "services") return issued().services_pending = true, value == "pending";
  if (key == "key") return state.key_is_kept = true, value == "kept";
  if (key == "order-ca") return order().ca = value, true;
  if (key == "order") return order().url = value, true;
  if (key == "order-names") return order().names = words_of(value), true;
  if (auto* of = failures_of(state, key, kCount)) return read_number(value, of->count);
  if (auto* of = failures_of(state, key, kLast)) return read_number(value, of->last);
  if (auto* of = failures_of(state, key, kReason)) return of->reason = value, true;
  if (key == "wait") return read_wait(value, state.waits.emplace_back());
  if (key == "repairs") return read_number(value, state.repairs.count);
  if (key == "last-repair") return read_number(value, state.repairs.last);
  if (key == "last-problem") return read_number(value, state.last_problem);
  if (key == "last-error") return state.last_error = value, true;
  return false;
}

}  // namespace

const std::array<Step, 5> kSteps = {{{"issue", &CertificateState::failures},
                                     {"before", &CertificateState::before},
                                     {"deployment", &CertificateState::deployment},
                                     {"verify", &CertificateState::verification},
                                     {"deployed", &CertificateState::hook}}};

void CertificateState::succeed(Failures CertificateState::*step) {
  this->*step = {};
  last_error.clear();
  for (const Step& other : kSteps)
    if (last_error.empty()) last_error = (this->*other.failures).reason;
}

Seconds wait_of(const CertificateState& state, std::string_view ca) {
  const auto found = std::ranges::find(state.waits, ca, &CaWait::ca);
  return found == state.waits.end() ? 0 : found->until;
}

void set_wait(CertificateState& state, const std::string& ca, Seconds until) {
  std::erase_if(state.waits, [&](const CaWait& wait) { return wait.ca == ca; });
  if (until > 0) state.waits.push_back({ca, until});
}

std::string text_of(const CertificateState& state) {
  std::string text = fmt::format("{}\n", kHeading);
  const auto line = [&](std::string_view key, const auto& value) {
    text += fmt::format("{} {}\n", key, value);
  };
  if (const auto& issued = state.issued) {
    line("ca", issued->ca);
    line("names", fmt::format("{}", fmt::join(issued->names, " ")));
    line("issued", issued->issued);
    line("not-before", issued->not_before);
    line("not-after", issued->not_after);
    line("fingerprint", hex_text(issued->fingerprint));
    for (const auto& entry : issued->installed) line("installed", entry);
    for (const auto& pair : issued->live)
      line("live", fmt::format("{} {} {}", pair.entry, hex_text(pair.seen), pair.directory));
    if (issued->services_pending) line("services", "pending");
    if (!issued->renewal_id.empty()) line("renewal-id", one_line(issued->renewal_id));
    if (const auto& window = issued->suggested)
      line("renewal-window", fmt::format("{} {} {}", window->start, window->end, window->at));
    if (issued->ask_again != 0) line("ask-again", issued->ask_again);
    if (issued->verify_pending) line("verify", "pending");
    if (issued->hook_pending) line("deployed-command", "pending");
  }
  if (state.key_is_kept) line("key", "kept");
  if (const auto& order = state.order) {
    line("order-ca", order->ca);
    line("order", one_line(order->url));
    line("order-names", fmt::format("{}", fmt::join(order->names, " ")));
  }
  for (const Step& step : kSteps) {
    const Failures& all = state.*step.failures;
    if (all.count == 0) continue;
    line(line_key(step, kCount), all.count);
    line(line_key(step, kLast), all.last);
    if (!all.reason.empty()) line(line_key(step, kReason), one_line(all.reason));
  }
  for (const auto& wait : state.waits) line("wait", fmt::format("{} {}", wait.ca, wait.until));
  if (state.repairs.count != 0) {
    line("repairs", state.repairs.count);
    line("last-repair", state.repairs.last);
  }
  if (state.last_problem != 0) line("last-problem", state.last_problem);
  if (!state.last_error.empty()) line("last-error", one_line(state.last_error));
  return text;
}

Result<CertificateState> certificate_state_from(std::string_view text) {
  CertificateState state;
  for (unsigned number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const auto blank = line.find(' ');
    const bool is_understood =
        end != text.npos &&
        (number == 1 ? line == kHeading
                     : blank != line.npos && take(state, line.substr(0, blank), line.substr(blank + 1)));
    if (!is_understood) return fail(Error::invalid(fmt::format("line {} is not understood", number)));
    text.remove_prefix(end + 1);
  }
  if (state.issued && (state.issued->ca.empty() || state.issued->not_after <= state.issued->not_before))
    return fail(Error::invalid("what it says of the certificate is incomplete"));
  if (state.order && (state.order->ca.empty() || state.order->url.empty()))
    return fail(Error::invalid("what it says of the order is incomplete"));
  return state;
}

}  // namespace certlatch
