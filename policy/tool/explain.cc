// SPDX-License-Identifier: MIT
#include "policy/tool/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/tool/words.h"

namespace certlatch {
namespace {

/// What `text_of` says of each entry, each text once.
template <class Entry, class TextOf>
std::vector<std::string> each(const std::vector<Entry>& entries, TextOf text_of) {
  std::vector<std::string> texts;
  for (const Entry& entry : entries) {
    for (const std::string& text : text_of(entry)) {
      if (!text.empty() && std::ranges::find(texts, text) == texts.end()) texts.push_back(text);
    }
  }
  return texts;
}

std::vector<std::string> gates_of(const OpeningEntry& entry) {
  std::vector<std::string> texts;
  for (const Gate& gate : entry.gates) texts.push_back("`" + gate.text() + "`");
  return texts;
}

std::string through_the_firewall(const OpeningEntry& entry) {
  switch (entry.gate) {
    case GateKind::is_static:
      return "A rule of the admin's own ruleset lets them through, by a mark that only an opening sets.";
    case GateKind::none:
      return "Nothing in the input hook is expected to drop them, and no rule is added to let them through.";
    case GateKind::inserted:
      break;
  }
  return fmt::format("For that time a rule at the head of {} lets them through.", listed(gates_of(entry)));
}

std::string sentence_for(const OpeningEntry& entry) {
  const std::string interfaces = listed(entry.interfaces);
  const std::string target =
      entry.to_loopback
          ? fmt::format(
                "127.0.0.1 port {}, over IPv4 only; meanwhile route_localnet is set on {}, and a guard drops "
                "every other packet for 127.0.0.0/8 from outside",
                entry.to_port, interfaces)
          : fmt::format("port {} of the address they were made to, over IPv4 and IPv6", entry.to_port);
  return fmt::format(
      "may open TCP port {} on {}, for at most {} at a time and {}, {}. New connections then lead to {}. {}",
      entry.port, interfaces, in_words(entry.at_most), how_often(entry.per_day),
      entry.share ? "even while a program listens on it, whose new connections are then taken from it"
                  : "unless a program listens on it",
      target, through_the_firewall(entry));
}

std::string rights(std::uint32_t mode) {
  const bool group_reads = (mode & 0040) != 0;
  return fmt::format("the owner may read{} and the group may {}", (mode & 0200) != 0 ? " and write" : "",
                     group_reads ? "read" : "not");
}

std::string sentence_for(const InstallEntry& entry, const Policy& policy) {
  const bool has_wildcard =
      std::ranges::any_of(entry.names, [](const auto& name) { return name.starts_with('*'); });
  std::string text = fmt::format(
      "may install a private key and its certificate in {}, {}, if the certificate is for nothing but {}{}. "
      "The files belong to {}:{} with mode {:04o}: {}.",
      entry.directory, how_often(entry.per_day), listed(entry.names, "or"),
      has_wildcard ? " (or a single label in place of the `*`)" : "", entry.owner_user, entry.owner_group,
      entry.mode, rights(entry.mode));
  if (entry.combined) text += " Key and chain are also written as one file.";
  if (!entry.trust.empty()) text += fmt::format(" The chain must lead to a certificate in {}.", entry.trust);
  std::vector<std::string> checked;
  for (const std::string& name : entry.services) {
    const ServiceEntry* service = policy.service(name);
    if (service != nullptr && !service->check.empty()) checked.push_back(name);
  }
  if (!checked.empty()) {
    text +=
        fmt::format(" If the check of {} then fails, the previous pair comes back.", listed(checked, "or"));
  }
  return text;
}

std::string action_of(const ServiceEntry& entry) {
  if (entry.action == ServiceAction::command)
    return fmt::format("have `{}` run as root", written(entry.command));
  return fmt::format("have {} {}", entry.unit,
                     entry.action == ServiceAction::reload_unit ? "reloaded" : "restarted");
}

std::string sentence_for(const ServiceEntry& entry) {
  const std::string check =
      entry.check.empty()
          ? "without any check before it"
          : fmt::format("each time only after `{}`, run as root, has succeeded", written(entry.check));
  return fmt::format("may {}, {}, {}. It is given up after {}.", action_of(entry), how_often(entry.per_day),
                     check, in_words(entry.timeout));
}

std::string only(std::string_view none, std::string_view but, const std::vector<std::string>& items) {
  return items.empty() ? std::string(none) : fmt::format("{} but {}", but, listed(items));
}

std::vector<std::string> not_possible(const Policy& policy) {
  const auto ports =
      each(policy.openings, [](const auto& entry) { return std::vector{std::to_string(entry.port)}; });
  const auto interfaces = each(policy.openings, [](const auto& entry) { return entry.interfaces; });
  const auto gates = each(policy.openings, gates_of);
  const auto names = each(policy.installs, [](const auto& entry) { return entry.names; });
  const auto directories =
      each(policy.installs, [](const auto& entry) { return std::vector{entry.directory}; });
  const auto units = each(policy.services, [](const auto& entry) { return std::vector{entry.unit}; });
  const auto commands = each(policy.services, [](const auto& entry) {
    std::vector<std::string> both;
    for (const auto& command : {entry.command, entry.check}) {
      if (!command.empty()) both.push_back("`" + written(command) + "`");
    }
    return both;
  });
  std::vector<std::string> list{
      fmt::format("For any user but `{}`: anything at all.", policy.worker),
      only("Opening any port.", "Opening any port", ports),
      only("Changing any rule of the admin's firewall.", "Adding a rule to any chain of the admin's firewall",
           gates),
      only("Installing a certificate.", "Installing a certificate for any name", names),
      only("Writing to any directory; the broker writes its log and its own state, no more.",
           "Writing to any directory (apart from the broker's log and its own state)", directories),
      only("Reloading or restarting any unit.", "Reloading or restarting any unit", units),
      only("Running any command.", "Running any command, or one with other arguments,", commands),
      "Reading a file, a private key above all: answers carry versions, dates and fingerprints, and what a "
      "check or "
      "command of this policy printed.",
      "Naming a path, a port, a chain, a unit or a command: a request names a section of this policy.",
      "Changing this policy: the broker reads it once, when it starts, and only if nobody but root could "
      "have "
      "written it.",
  };
  if (!policy.openings.empty()) {
    list.insert(
        list.begin() + 2,
        {
            fmt::format("Opening a port on any interface but {}, or sending its connections to another host.",
                        listed(interfaces)),
            "Keeping a port open: the kernel shuts it when its time is up, and at once when the "
            "broker dies; the broker shuts it when the worker's connection ends.",
        });
  }
  for (std::string& item : list) {
    if (!item.ends_with('.')) item += '.';
  }
  return list;
}

}  // namespace

Explanation explain(const Policy& policy) {
  Explanation result{.policy = policy.file,
                     .digest = hex_text(policy.digest),
                     .worker = policy.worker,
                     .who = {},
                     .permissions = {},
                     .not_possible = not_possible(policy),
                     .held = held_by_kernel(policy)};
  result.who = fmt::format(
      "The user `{}` may ask the broker for what follows, and nobody may ask it for anything else. The "
      "broker "
      "stops being root and becomes `{}`; where the kernel cannot confine it, it {}. Every request and its "
      "answer is logged in {}.",
      policy.worker, policy.user,
      policy.confinement_required ? "does not serve" : "serves all the same (`confinement = best effort`)",
      policy.audit);
  for (const auto& entry : policy.openings)
    result.permissions.push_back({"open", entry.name, entry.line, sentence_for(entry)});
  for (const auto& entry : policy.installs) {
    result.permissions.push_back({"install", entry.name, entry.line, sentence_for(entry, policy)});
  }
  for (const auto& entry : policy.services)
    result.permissions.push_back({"service", entry.name, entry.line, sentence_for(entry)});
  for (Permission& permission : result.permissions)
    permission.sentence = policy.worker + " " + permission.sentence;
  return result;
}

std::string page_of(const Explanation& explanation) {
  std::string page =
      explanation.policy + "\n\n" +
      wrapped("Of these bytes and no others: `b2sum -l 256` of the file prints " + explanation.digest +
                  ", and so does the log whenever a broker starts with it.",
              "") +
      "\n" + wrapped(explanation.who, "") + "\nPermitted\n\n";
  if (explanation.permissions.empty()) page += "  nothing\n\n";
  for (const Permission& it : explanation.permissions) {
    page +=
        fmt::format("  [{} {}], line {}\n", it.kind, it.entry, it.line) + wrapped(it.sentence, "    ") + "\n";
  }
  page += "Not possible\n\n";
  for (const std::string& item : explanation.not_possible) page += wrapped(item, "  - ");
  page += "\nWhat the kernel holds the broker to, once it serves\n\n";
  for (const std::string& item : text_of(explanation.held)) page += wrapped(item, "  - ");
  return page;
}

}  // namespace certlatch
