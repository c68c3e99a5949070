// SPDX-License-Identifier: MIT
#include "policy/tool/warnings.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "policy/tool/words.h"

namespace certlatch {
namespace {

constexpr std::uint32_t kLongLeaseSeconds = 3600;
constexpr std::string_view kInterpreters[] = {"sh",   "bash",    "dash", "zsh", "env",
                                              "perl", "python3", "sudo", "su"};

class Warnings {
 public:
  explicit Warnings(const Policy& of) : policy(of) {}
  void add(unsigned line, std::string sentence) { list.push_back({policy.file, line, std::move(sentence)}); }
  void if_weak(unsigned line, const std::string& path, std::string_view consequence) {
    const std::string weak = weak_point(path);
    if (!weak.empty()) add(line, fmt::format("{} can be changed by others than root: {}", weak, consequence));
  }
  const Policy& policy;
  std::vector<Fault> list;
};

void look_at(const OpeningEntry& entry, Warnings& warnings) {
  if (entry.at_most > kLongLeaseSeconds) {
    warnings.add(entry.line, fmt::format("[open {}] may stay open for {}; a challenge takes seconds",
                                         entry.name, in_words(entry.at_most)));
  }
  if (!entry.per_day) {
    warnings.add(entry.line,
                 fmt::format("[open {}] has no `per day`: a worker that was taken over could keep the "
                             "port open all day, one lease after the other",
                             entry.name));
  }
}

void look_at(const InstallEntry& entry, Warnings& warnings) {
  for (const std::string& name : entry.names) {
    if (name.starts_with("*.") && !name.substr(2).contains('.')) {
      warnings.add(entry.names_line,
                   fmt::format("`{}` covers every name right below a top-level domain", name));
    }
  }
  if (entry.owner_user != "root" && entry.owner_user != warnings.policy.user) {
    warnings.add(
        entry.line,
        fmt::format("[install {}] makes {} the owner of its files, who can then change them; let root own "
                    "them and a group read them: `owner = root:GROUP`, `mode = 0640`",
                    entry.name, entry.owner_user));
  }
  warnings.if_weak(entry.line, std::filesystem::path(entry.directory).parent_path(),
                   "they could put a directory of their own in the place of " + entry.directory);
  if (!entry.trust.empty()) {
    warnings.if_weak(entry.line, entry.trust, "they could say which CA a chain must lead to");
  }
}

void look_at_command(const std::vector<std::string>& command, unsigned line, Warnings& warnings) {
  if (command.empty()) return;
  warnings.if_weak(line, command[0], "it runs as root");
  const std::string program = std::filesystem::path(command[0]).filename();
  if (std::ranges::find(kInterpreters, program) != std::end(kInterpreters)) {
    warnings.add(
        line, fmt::format("`{}` runs what its arguments say, as root: name the program itself", command[0]));
  }
}

void look_at(const ServiceEntry& entry, const Policy& policy, Warnings& warnings) {
  look_at_command(entry.command, entry.line, warnings);
  look_at_command(entry.check, entry.check_line, warnings);
  const bool restarts =
      entry.action == ServiceAction::restart_unit || std::ranges::count(entry.command, "restart") > 0;
  if (restarts && entry.check.empty()) {
    warnings.add(entry.line,
                 fmt::format("[service {}] restarts without a `check`: with a configuration that is not "
                             "sound, the service would not come back",
                             entry.name));
  }
  const auto names_it = [&](const InstallEntry& install) {
    return std::ranges::find(install.services, entry.name) != install.services.end();
  };
  if (std::ranges::none_of(policy.installs, names_it)) {
    warnings.add(entry.line,
                 fmt::format("no [install] names [service {}], yet the worker may ask for it", entry.name));
  }
}

}  // namespace

std::string weak_point(const std::string& path) {
  std::error_code error;
  // A part that does not exist yet ends what can be looked at.
  for (std::filesystem::path at = std::filesystem::weakly_canonical(path, error); !error;
       at = at.parent_path()) {
    struct stat status {};
    const bool exists = stat(at.c_str(), &status) == 0;
    if (exists && (status.st_uid != 0 || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)) return at;
    if (at == at.parent_path()) break;
  }
  return {};
}

std::vector<Fault> warnings_for(const Policy& policy) {
  Warnings warnings(policy);
  if (!policy.confinement_required) {
    warnings.add(0,
                 "`confinement = best effort`: on an old kernel the broker serves with less than its full "
                 "confinement");
  }
  warnings.if_weak(0, std::filesystem::path(policy.audit).parent_path(), "they could remove " + policy.audit);
  for (const auto& entry : policy.openings) look_at(entry, warnings);
  for (const auto& entry : policy.installs) look_at(entry, warnings);
  for (const auto& entry : policy.services) look_at(entry, policy, warnings);
  std::ranges::stable_sort(warnings.list, {}, &Fault::line);
  return std::move(warnings.list);
}

}  // namespace certlatch
