// SPDX-License-Identifier: MIT
#include "worker/show/status.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "worker/show/words.h"

namespace certlatch {
namespace {

constexpr std::size_t kMostInstallsShown = 6;

Tone tone_of(const CertificateView& view, Seconds now) {
  const bool is_dead = !view.trouble.empty() || !view.state.issued || view.state.issued->not_after <= now;
  if (is_dead) return Tone::bad;
  return view.attention.empty() ? Tone::good : Tone::warning;
}

Cell certificate_cell(const CertificateView& view) {
  Cell cell{{view.config->name, Tone::strong}};
  constexpr std::size_t kMostNames = 8;
  std::size_t shown = 0;
  for (const auto& name : view.config->names) {
    if (name == view.config->name) continue;
    if (shown++ < kMostNames) cell.push_back({" " + name, Tone::plain});
  }
  if (shown > kMostNames) cell.push_back({fmt::format(" and {} more", shown - kMostNames), Tone::faint});
  return cell;
}

Cell lifetime_cell(const CertificateView& view, Seconds now, std::size_t width) {
  if (!view.trouble.empty()) return {{"unknown", Tone::bad}};
  const auto& issued = view.state.issued;
  if (!issued) return {{"none yet", Tone::bad}};
  const Tone tone = tone_of(view, now);
  Cell cell{{lifetime_bar(issued->not_before, issued->not_after, view.renewal, now, width), tone}};
  if (issued->not_after <= now)
    cell.push_back({"expired " + date_text(issued->not_after), Tone::bad});
  else
    cell.push_back({fmt::format("{} left", span_text(issued->not_after - now)), Tone::plain});
  return cell;
}

Cell next_cell(const CertificateView& view) {
  if (!view.trouble.empty()) return {};
  Cell cell{{view.next, Tone::plain},
            {view.next_at ? time_text(*view.next_at) : "with the next run", Tone::plain}};
  if (view.plan.issue > IssueReason::due)
    cell.push_back({std::string(text_of(view.plan.issue)), Tone::faint});
  return cell;
}

Cell deployed_cell(const CertificateView& view) {
  Cell cell;
  if (view.config->installs.empty()) cell.push_back({"nowhere", Tone::faint});
  for (const InstallView& install : view.installs) {
    if (cell.size() == kMostInstallsShown) {
      cell.push_back({fmt::format("and {} more", view.installs.size() - cell.size()), Tone::faint});
      break;
    }
    const bool is_well = install.condition == InstallCondition::installed;
    const auto what = is_well && install.version != 0 ? fmt::format("version {}", install.version)
                                                      : std::string(text_of(install.condition));
    cell.push_back({fmt::format("{} {}", install.entry, what), is_well ? Tone::plain : Tone::warning});
  }
  for (const ServiceView& service : view.services)
    cell.push_back({fmt::format("{} {}", service.service, text_of(service.condition)),
                    service.condition == ServiceCondition::loaded ? Tone::good : Tone::warning});
  return cell;
}

/// What a person should know besides, across the whole width.
std::string remarks(const CertificateView& view, const Screen& screen) {
  std::string text;
  const auto add = [&](std::string_view sentence, Tone tone) {
    const char* lead = "  ! ";
    for (const auto& line : wrapped(sentence, screen.width - 4)) {
      text += screen.paint(lead + line, tone) + "\n";
      lead = "    ";
    }
  };
  for (const auto& sentence : view.attention)
    if (sentence != "the last attempt failed") add(sentence, Tone::warning);
  if (!view.state.last_error.empty()) add("last error: " + view.state.last_error, Tone::bad);
  for (const Step& step : kSteps) {
    const auto& reason = (view.state.*step.failures).reason;
    if (!reason.empty() && reason != view.state.last_error)
      add(fmt::format("{} failed as well: {}", step.name, reason), Tone::bad);
  }
  return text;
}

struct Layout {
  std::vector<std::size_t> widths;
  std::size_t bar = 0;
};

std::size_t widest(const Overview& overview, auto cell_of) {
  std::size_t most = 0;
  for (const auto& view : overview.certificates)
    for (const Line& line : cell_of(view)) most = std::max(most, columns_of(line.text));
  return most;
}

/// Certificates and installs share what the other columns leave, each no wider than it needs to be.
Layout layout_of(const Overview& overview, const Screen& screen) {
  // On a narrow screen dates and places take two lines rather than the table more than the screen.
  const bool is_narrow = screen.width < 76;
  const std::size_t bar = screen.width >= 110 ? 22 : is_narrow ? 12 : 16;
  std::size_t issuer = 6;
  for (const auto& view : overview.certificates)
    if (view.state.issued) issuer = std::max(issuer, std::min<std::size_t>(view.state.issued->ca.size(), 14));
  if (is_narrow) issuer = 6;
  const std::size_t next = is_narrow ? 10 : 20, between = 4 * 2, least = is_narrow ? 16 : 24;
  const std::size_t taken = bar + issuer + next + between;
  const std::size_t left = screen.width > taken + least ? screen.width - taken : least;
  const auto names = std::max<std::size_t>(widest(overview, certificate_cell), 11);
  const auto places = std::max<std::size_t>(widest(overview, deployed_cell), 8);
  std::size_t first = std::min(names, left - std::min(places, left / 2));
  return {{first, bar, issuer, next, std::min(places, left - first)}, bar};
}

std::string summary(const Overview& overview, const Screen& screen) {
  std::string text;
  const auto line = [&](std::string_view sentence, Tone tone) {
    for (const auto& part : wrapped(sentence, screen.width)) text += screen.paint(part, tone) + "\n";
  };
  for (const auto& name : overview.removed)
    line(fmt::format("{} is no longer in the configuration; `certlatch delete {}` removes what is kept of it",
                     name, name),
         Tone::warning);
  if (!overview.broker_trouble.empty())
    line(fmt::format("What is installed and loaded is not known: {}", overview.broker_trouble), Tone::bad);
  const auto troubled =
      std::ranges::count_if(overview.certificates, [](const auto& view) { return !view.attention.empty(); });
  if (overview.certificates.empty()) {
    line("The configuration has no certificate; `certlatch new NAME` writes a section.", Tone::plain);
  } else if (troubled > 0) {
    line(fmt::format("{} of {} certificate{} need{} attention.", troubled, overview.certificates.size(),
                     overview.certificates.size() == 1 ? "" : "s", troubled == 1 ? "s" : ""),
         Tone::warning);
  }
  return text;
}

}  // namespace

std::string lifetime_bar(Seconds begin, Seconds end, Seconds renewal, Seconds now, std::size_t width) {
  const std::size_t inner = width - 2;
  const auto place = [&](Seconds time) {
    const double part =
        static_cast<double>(time - begin) / static_cast<double>(std::max<Seconds>(end - begin, 1));
    return static_cast<std::size_t>(std::clamp(part, 0.0, 1.0) * static_cast<double>(inner));
  };
  std::string bar(inner, '.');
  std::fill_n(bar.begin(), place(now), '#');
  bar[std::min(place(renewal), inner - 1)] = '|';
  return "[" + bar + "]";
}

std::string status_text(const Overview& overview, const Screen& screen) {
  std::string text;
  if (!overview.certificates.empty()) {
    const Layout layout = layout_of(overview, screen);
    const auto heading = [](const char* title) { return Cell{{title, Tone::faint}}; };
    text += table_row(screen, layout.widths,
                      {heading("CERTIFICATE"), heading("LIFETIME"), heading("ISSUER"), heading("NEXT"),
                       heading("DEPLOYED")});
    for (const CertificateView& view : overview.certificates) {
      const auto issuer = view.state.issued ? view.state.issued->ca : "-";
      text += table_row(screen, layout.widths,
                        {certificate_cell(view),
                         lifetime_cell(view, overview.now, layout.bar),
                         {{issuer}},
                         next_cell(view),
                         deployed_cell(view)});
      text += remarks(view, screen);
    }
  }
  return text + summary(overview, screen);
}

}  // namespace certlatch
