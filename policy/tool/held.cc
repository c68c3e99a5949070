// SPDX-License-Identifier: MIT
#include "policy/tool/held.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <span>

#include "policy/allowed_calls.h"
#include "policy/tool/words.h"

namespace certlatch {
namespace {

std::string name_of(int call) {
  const std::unique_ptr<char, decltype(&std::free)> name(
      seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call), std::free);
  return name == nullptr ? fmt::format("number {}", call) : name.get();
}

bool needs_chown(const Policy& policy) {
  return std::ranges::any_of(policy.installs, [&](const InstallEntry& entry) {
    return entry.owner_user != policy.user || entry.owner_group != policy.user;
  });
}

std::string given_away(const Policy& policy) {
  std::vector<std::string> owners;
  for (const auto& entry : policy.installs) owners.push_back(entry.owner_user + ":" + entry.owner_group);
  std::ranges::sort(owners);
  owners.erase(std::ranges::unique(owners).begin(), owners.end());
  return "fchown to " + (owners.empty() ? "nobody" : listed(owners, "or"));
}

}  // namespace

Held held_by_kernel(const Policy& policy) {
  Held held;
  held.user = policy.user;
  held.capabilities = {"cap_net_admin"};
  if (needs_chown(policy)) held.capabilities.emplace_back("cap_chown");
  held.paths = {"/var/lib/certlatch-broker", "/run/certlatch"};
  for (const auto& entry : policy.installs) held.paths.push_back(entry.directory);
  for (const std::span<const int> calls :
       {std::span<const int>(kAllowedCalls), std::span<const int>(kBasicCalls)})
    for (const int call : calls) held.system_calls.push_back(name_of(call));
  held.checked_calls = {
      "openat below a directory that it holds, without following a link, without set-ID bits",
      "fchmod without set-ID bits",
      given_away(policy),
      "mmap and mprotect without making memory executable",
      "sendto without an address",
      "fcntl to read flags and to set close-on-exec"};
  const auto add = [&](std::string program) {
    if (std::ranges::find(held.programs, program) == held.programs.end())
      held.programs.push_back(std::move(program));
  };
  for (const auto& entry : policy.services) {
    if (!entry.check.empty()) add(written(entry.check));
    if (entry.action == ServiceAction::command)
      add(written(entry.command));
    else
      add(fmt::format("/usr/bin/systemctl {} {}",
                      entry.action == ServiceAction::reload_unit ? "reload" : "restart", entry.unit));
  }
  return held;
}

std::vector<std::string> text_of(const Held& held) {
  std::vector<std::string> list{
      fmt::format("User and capabilities: `{}`, with {} and no way to any other.", held.user,
                  listed(held.capabilities)),
      fmt::format(
          "Files (Landlock): {}, and what lies below; no other file can be opened, made, renamed or removed.",
          listed(held.paths)),
      fmt::format(
          "System calls (seccomp): {}; and, by their arguments, {}. Any other ends the broker, and every "
          "opening with it.",
          fmt::join(held.system_calls, ", "), listed(held.checked_calls)),
      "Sockets: those that it holds since its start, namely its own, and netlink's for nftables and for "
      "asking who "
      "listens. It can make no other, connect nowhere, and reach neither D-Bus nor systemd.",
  };
  if (held.programs.empty())
    list.emplace_back("Programs: none; nothing is executed as root.");
  else
    list.push_back(fmt::format(
        "Programs that the runner executes as root, told by number: {}. Under "
        "systemd `/usr/bin/systemd-run` executes them, in units of their own (`--quiet --wait --pipe "
        "--collect`); on a host without, /usr/sbin/service stands in the place of systemctl.",
        listed(held.programs)));
  list.emplace_back(
      "What the kernel does not hold it to: with cap_net_admin and its netlink socket, a broker whose own "
      "code were the "
      "attacker's could change any rule of the firewall; it could replace what is installed in the "
      "directories above, "
      "and have the programs above executed more often than `per day`; it could look at names, sizes and "
      "times of "
      "files anywhere that its user may; and a file that the worker can open it could have passed by it and, "
      "with "
      "cap_chown, give to an owner that fchown is left for.");
  return list;
}

}  // namespace certlatch
