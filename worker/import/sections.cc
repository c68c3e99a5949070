// SPDX-License-Identifier: MIT
#include "worker/import/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "policy/ini_file.h"
#include "worker/import/list_lines.h"
#include "worker/state/host_name.h"

namespace certlatch {
namespace {

struct Check {
  std::string_view service, command;
};
constexpr Check kChecks[] = {{"nginx", "/usr/sbin/nginx -t"},
                             {"apache2", "/usr/sbin/apache2ctl configtest"},
                             {"haproxy", "/usr/sbin/haproxy -c -q -f /etc/haproxy/haproxy.cfg"},
                             {"postfix", "/usr/sbin/postfix check"},
                             {"dovecot", "/usr/bin/doveconf -n"},
                             {"exim4", "/usr/sbin/exim4 -bV"}};

std::string service_section(const ProposedService& service) {
  std::string text = fmt::format("\n[service {0}]\n{1} = {0}.service\n", service.name,
                                 service.is_restarted ? "restart  " : "reload   ");
  const auto check = std::ranges::find(kChecks, service.name, &Check::service);
  if (check != std::end(kChecks)) text += fmt::format("check     = {}\n", check->command);
  return text;
}

template <class List, class Entry>
bool has(const List& list, std::string_view name, Entry entry) {
  return std::ranges::find(list, name, entry) != list.end();
}

std::string_view program_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

std::string verb_of(std::string_view verb) {
  if (verb == "stop" || verb == "start") return std::string(verb);
  if (verb == "restart" || verb == "try-restart") return "restart";
  for (const std::string_view reload :
       {"reload", "reload-or-restart", "try-reload-or-restart", "force-reload", "graceful"})
    if (verb == reload) return "reload";
  return {};
}

/// One command without a shell's signs.
bool add_actions(std::string_view command, std::vector<ServiceAction>& actions) {
  auto words = split(command);
  std::erase(words, "");
  std::erase_if(words, [](std::string_view word) {
    return word == "-q" || word == "--quiet" || word == "--no-block" || word == "sudo";
  });
  if (words.empty()) return true;
  const auto add = [&](std::string_view unit, std::string_view verb) {
    if (unit.ends_with(".service")) unit.remove_suffix(8);
    if (unit == "apache") unit = "apache2";
    if (!fault_of_label(unit).empty() || verb_of(verb).empty()) return false;
    actions.push_back({std::string(unit), verb_of(verb)});
    return true;
  };
  const auto program = program_of(words[0]);
  if (program == "systemctl" && words.size() >= 3)
    return std::all_of(words.begin() + 2, words.end(), [&](auto unit) { return add(unit, words[1]); });
  if ((program == "service" || program == "invoke-rc.d") && words.size() == 3) return add(words[1], words[2]);
  if (words[0].starts_with("/etc/init.d/") && words.size() == 2) return add(program, words[1]);
  if (program == "nginx" && words.size() == 3 && words[1] == "-s") return add("nginx", words[2]);
  if ((program == "apachectl" || program == "apache2ctl") && words.size() == 2)
    return add("apache2", words[1]);
  if (program == "postfix" && words.size() == 2) return add("postfix", words[1]);
  if (program == "doveadm" && words.size() == 2) return add("dovecot", words[1]);
  return false;
}

}  // namespace

std::string policy_sections(const std::vector<ProposedOpening>& openings,
                            const std::vector<ProposedInstall>& installs,
                            const std::optional<StatusAnswer>& broker) {
  std::string text;
  for (const auto& opening : openings) {
    if (broker && has(broker->openings, opening.name, &OpeningStatus::entry)) continue;
    text += fmt::format("# [open {}]: `sudo certlatch-policy suggest` writes it for the firewall in force\n",
                        opening.name);
    if (opening.is_shared) text += "#   with `share = yes` in it, since a web server has the port already\n";
  }
  std::vector<ProposedService> services;
  for (const auto& install : installs) {
    for (const auto& service : install.services)
      if (!has(services, service.name, &ProposedService::name)) services.push_back(service);
    if (broker && has(broker->installs, install.name, &InstallStatus::entry)) continue;
    text += fmt::format(
        "\n[install {0}]\n{1}directory = /etc/ssl/certlatch/{0}\nowner     = {2}\nmode      = {3}\n",
        install.name, list_lines("names", install.names), install.owner, install.mode);
    std::vector<std::string> names;
    for (const auto& service : install.services) names.push_back(service.name);
    text += list_lines("services", names);
  }
  for (const auto& service : services)
    if (!broker || !has(broker->services, service.name, &ServiceStatus::entry))
      text += service_section(service);
  return text.starts_with('\n') ? text.substr(1) : text;
}

std::optional<std::vector<ServiceAction>> service_actions_of(std::string_view command) {
  std::vector<ServiceAction> actions;
  while (!command.empty()) {
    const auto end = std::min({command.find(';'), command.find("&&"), command.find('\n'), command.size()});
    const auto one = command.substr(0, end);
    // Anything else that means something to a shell.
    if (one.find_first_of("|&<>$`(){}*?\\\"'#~=") != one.npos || !add_actions(one, actions))
      return std::nullopt;
    command.remove_prefix(end);
    if (command.starts_with("&&")) command.remove_prefix(1);
    if (!command.empty()) command.remove_prefix(1);
  }
  if (actions.empty()) return std::nullopt;
  return actions;
}

}  // namespace certlatch
