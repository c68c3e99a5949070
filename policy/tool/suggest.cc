// SPDX-License-Identifier: MIT
#include "policy/tool/suggest.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/ini_file.h"
#include "policy/tool/host.h"
#include "policy/tool/words.h"

namespace certlatch {
namespace {

constexpr std::uint16_t kPort = 80;
constexpr std::uint16_t kFirstHighPort = 8080;
constexpr std::uint16_t kLastHighPort = 8099;
constexpr std::uint32_t kTwoMinutes = 120;
constexpr std::uint32_t kPerDay = 24;

/// A comment of as many lines as it needs.
std::string remark(std::string_view text) {
  std::string lines = wrapped(text, "", 98);
  std::string all;
  for (const auto line : split(lines, "\n"))
    if (!line.empty()) all += fmt::format("# {}\n", line);
  return all;
}

std::string key(std::string_view name, std::string_view value, std::string_view why = {}) {
  if (why.empty()) return fmt::format("{:<9} = {}\n", name, value);
  return fmt::format("{:<9} = {:<20} # {}\n", name, value, why);
}

/// Where an admin puts the lines of a static gate.
std::string static_lines(const Suggestion& it) {
  std::string text = remark(
      "The firewall's own files hold the gate, so that a reload keeps it. It does nothing without a lease. "
      "Put "
      "there:");
  for (const ClosedChain& chain : it.closed) {
    const auto [place, line] = static_gate_for(it.entry, chain);
    text += fmt::format("#   {}:\n#     {}\n", place, line);
  }
  if (std::ranges::find(it.closed, Keeper::ufw, &ClosedChain::keeper) != it.closed.end())
    text += "#   then: ufw reload\n";
  return text;
}

}  // namespace

bool Suggestion::is_enough() const { return std::ranges::none_of(obstacles, &Obstacle::is_certain); }

Result<Suggestion> suggest(const Firewall& firewall) {
  Suggestion it;
  it.entry.name = "http";
  it.entry.port = kPort;
  it.entry.at_most = kTwoMinutes;
  it.entry.per_day = kPerDay;
  if (auto shut = check_none_is_open(firewall); !shut) return fail(shut.error());
  const Interfaces outward = outward_interfaces();
  it.entry.interfaces = outward.names;
  std::erase_if(it.entry.interfaces, [](const auto& name) { return !read_interface(name); });
  if (it.entry.interfaces.empty())
    return fail(Error::conflict("no network interface is up, so that there is none to open a port on"));
  it.why_interface = outward.have_default_route ? "with the default route"
                     : it.entry.interfaces.size() == 1
                         ? "the only one; there is no default route"
                         : "up; there is no default route: keep what faces outward";
  it.entry.to_port = kFirstHighPort;
  while (it.entry.to_port < kLastHighPort && is_listened_on(it.entry.to_port)) ++it.entry.to_port;

  Passage passage = passage_of(it.entry, firewall);
  it.closed = std::move(passage.closed);
  it.obstacles = std::move(passage.obstacles);
  const bool are_all_insertable = std::ranges::all_of(it.closed, [](const ClosedChain& chain) {
    return chain.keeper == Keeper::broker && read_gate(chain.place.text());
  });
  if (it.closed.empty()) {
    it.entry.gate = passage.has_static_gate ? GateKind::is_static : GateKind::none;
    it.why =
        passage.has_static_gate ? "the ruleset holds it already" : "no input chain drops what is led to it";
  } else if (are_all_insertable) {
    for (const ClosedChain& chain : it.closed) it.entry.gates.push_back(chain.place);
  } else {
    it.entry.gate = GateKind::is_static;
  }
  if (is_listened_on(kPort)) it.why_share = "a program listens on port 80";
  if (!passage.led_by.empty()) it.why_share = fmt::format("chain {} leads port 80 elsewhere", passage.led_by);
  it.entry.share = !it.why_share.empty();
  return it;
}

std::string section_text(const Suggestion& it) {
  std::string text = remark("For the ruleset in force, as `certlatch-policy suggest` reads it.");
  for (const Obstacle& obstacle : it.obstacles)
    text += remark((obstacle.is_certain ? "NOT ENOUGH: " : "Mind: ") + obstacle.text() + ".");
  const bool has_lines = it.entry.gate == GateKind::is_static && !it.closed.empty();
  if (has_lines) text += static_lines(it);
  if (it.entry.share)
    text += remark(
        "While a lease lasts, new connections to the port are the worker's, which sends visitors on to "
        "HTTPS. With a web server that can hand out files, `webroot` in the worker's configuration needs "
        "no opening at all.");
  text += fmt::format("[open {}]\n", it.entry.name);
  text += key("port", std::to_string(it.entry.port));
  text += key("to", fmt::format(":{}", it.entry.to_port));
  for (const std::string& interface : it.entry.interfaces)
    text += key("interface", interface, it.why_interface);
  if (it.entry.gate == GateKind::inserted) {
    for (const ClosedChain& chain : it.closed) text += key("gate", chain.place.text(), chain.reason);
  } else if (has_lines) {
    for (const ClosedChain& chain : it.closed) text += remark(chain.place.text() + ": " + chain.reason);
    text += key("gate", "static");
  } else {
    text += key("gate", it.entry.gate == GateKind::is_static ? "static" : "none", it.why);
  }
  text += key("at most", "2m");
  text += key("per day", std::to_string(*it.entry.per_day));
  if (it.entry.share) text += key("share", "yes", it.why_share);
  return text;
}

}  // namespace certlatch
