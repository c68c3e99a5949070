// SPDX-License-Identifier: MIT
#include "broker/route_localnet.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "protocol/small_file.h"
#include "protocol/unique_fd.h"

namespace certlatch {
namespace {

constexpr char kJournal[] = "route_localnet";
constexpr std::size_t kMaxJournalBytes = 64 * 1024;

struct Toggle {
  UniqueFd setting;                // not open: there was no such interface at start
  bool is_raised = false;          // by us; one that the admin has set is theirs
  std::set<std::string> openings;  // that need it
};

using Toggles = std::map<std::string, Toggle>;  // by interface

bool is_interface_name(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ && name.find('/') == std::string::npos && name != "." &&
         name != "..";
}

std::string setting_of(const std::string& settings, const std::string& interface) {
  return settings + "/" + interface + "/route_localnet";
}

Result<void> write_setting(const UniqueFd& setting, char value) {
  if (::pwrite(setting.get(), &value, 1, 0) < 0) return fail(Error::system("write route_localnet"));
  return {};
}

Result<bool> is_set(const UniqueFd& setting) {
  char first = '0';
  if (::pread(setting.get(), &first, 1, 0) < 0) return fail(Error::system("read route_localnet"));
  return first != '0';
}

Result<void> remove_journal(int run_directory) {
  if (::unlinkat(run_directory, kJournal, 0) != 0 && errno != ENOENT)
    return fail(Error::system("remove the journal `route_localnet`"));
  return {};
}

/// What an earlier broker had set when it was killed. An interface that is gone took its toggle along.
Result<void> recover(int run_directory, const std::string& settings) {
  // A journal that was never finished: nothing had been set on its account yet.
  (void)::unlinkat(run_directory, (std::string(kJournal) + ".new").c_str(), 0);
  const auto journal = read_small_file(run_directory, kJournal, kMaxJournalBytes);
  if (!journal && journal.error().sys_errno == ENOENT) return {};
  if (!journal) return fail(journal.error().in("the journal `route_localnet` in the run directory"));
  std::istringstream lines(*journal);
  std::string interface;
  while (std::getline(lines, interface)) {
    if (!is_interface_name(interface))
      return fail(
          Error::invalid(fmt::format("the journal `route_localnet` in the run directory has a line that "
                                     "certlatchd never wrote, `{}`: set "
                                     "net.ipv4.conf.*.route_localnet as it should be and remove the journal",
                                     interface)));
    const UniqueFd setting(::open(setting_of(settings, interface).c_str(), O_RDWR | O_CLOEXEC));
    if (!setting.is_open() && errno == ENOENT) continue;
    if (!setting.is_open()) return fail(Error::system("open " + setting_of(settings, interface)));
    if (auto written = write_setting(setting, '0'); !written) return fail(written.error().in(interface));
  }
  return remove_journal(run_directory);
}

class KernelRouteLocalnet : public RouteLocalnet {
 public:
  KernelRouteLocalnet(Toggles toggles, int run_directory)
      : toggles_(std::move(toggles)), run_directory_(run_directory) {}

  Result<void> raise(const std::string& interface, const std::string& opening) override {
    Toggle& toggle = toggles_[interface];
    if (!toggle.setting.is_open())
      return fail(Error::conflict(fmt::format(
          "interface {} did not exist when certlatchd started: restart it now that it does", interface)));
    toggle.openings.insert(opening);
    if (toggle.is_raised) return {};
    const auto is_set_already = is_set(toggle.setting);
    if (!is_set_already) return fail(explain(is_set_already.error(), interface));
    if (*is_set_already) return {};
    toggle.is_raised = true;
    if (auto written = write_journal(); !written) {
      toggle.is_raised = false;
      return written;
    }
    if (auto set = write_setting(toggle.setting, '1'); !set) return fail(explain(set.error(), interface));
    return {};
  }

  Result<void> lower(const std::string& opening) override {
    Result<void> outcome;
    for (auto& [interface, toggle] : toggles_) {
      toggle.openings.erase(opening);
      if (!toggle.is_raised || !toggle.openings.empty()) continue;
      const auto written = write_setting(toggle.setting, '0');
      // An interface that went away took its toggle along.
      if (written || written.error().sys_errno == ENOENT)
        toggle.is_raised = false;
      else
        outcome = fail(explain(written.error(), interface));
    }
    const auto journalled = write_journal();
    return outcome ? journalled : outcome;
  }

  bool is_any_needed() const override {
    return std::ranges::any_of(
        toggles_, [](const auto& one) { return one.second.is_raised || !one.second.openings.empty(); });
  }

 private:
  static Error explain(const Error& error, const std::string& interface) {
    if (error.sys_errno != ENOENT) return error.in("interface " + interface);
    return Error::conflict(fmt::format(
        "interface {} went away after certlatchd had started: restart it when it is back", interface));
  }

  Result<void> write_journal() {
    std::string text;
    for (const auto& [interface, toggle] : toggles_)
      if (toggle.is_raised) text += interface + "\n";
    if (text.empty()) return remove_journal(run_directory_);
    return replace_small_file(run_directory_, kJournal, text);
  }

  Toggles toggles_;
  int run_directory_;
};

}  // namespace

Result<std::unique_ptr<RouteLocalnet>> RouteLocalnet::prepare(const std::vector<std::string>& interfaces,
                                                              int run_directory,
                                                              const std::string& settings) {
  if (auto recovered = recover(run_directory, settings); !recovered) return fail(recovered.error());
  Toggles toggles;
  for (const std::string& interface : interfaces) {
    if (!is_interface_name(interface))
      return fail(Error::invalid(fmt::format("`{}` is not the name of an interface", interface)));
    toggles[interface].setting.reset(::open(setting_of(settings, interface).c_str(), O_RDWR | O_CLOEXEC));
    if (!toggles[interface].setting.is_open() && errno != ENOENT)
      return fail(Error::system("open " + setting_of(settings, interface)));
  }
  return std::make_unique<KernelRouteLocalnet>(std::move(toggles), run_directory);
}

}  // namespace certlatch
