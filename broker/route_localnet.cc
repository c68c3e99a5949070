// SPDX-License-Identifier: MIT
#include "broker/route_localnet.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <sstream>

#include "policy/policy.h"
#include "protocol/small_file.h"

namespace certlatch {
namespace {

constexpr char kJournal[] = "route_localnet";
constexpr std::size_t kMaxJournalBytes = 64 * 1024;

Error explain(const std::string& interface, std::string_view doing) {
  if (errno != ENOENT) return Error::system(fmt::format("interface {}: {} route_localnet", interface, doing));
  return Error::conflict(fmt::format(
      "interface {} went away after certlatchd had started: restart it when it is back", interface));
}

/// The interfaces whose toggle an earlier broker had set when it was killed.
Result<std::set<std::string>> read_journal(int run_directory) {
  std::set<std::string> interfaces;
  // A journal that was never finished: nothing had been set on its account yet.
  (void)::unlinkat(run_directory, (std::string(kJournal) + ".new").c_str(), 0);
  const auto journal = read_small_file(run_directory, kJournal, kMaxJournalBytes);
  if (!journal && journal.error().sys_errno == ENOENT) return interfaces;
  if (!journal) return fail(journal.error().in("the journal `route_localnet` in the run directory"));
  std::istringstream lines(*journal);
  for (std::string interface; std::getline(lines, interface); interfaces.insert(interface))
    if (!read_interface(interface))
      return fail(
          Error::invalid(fmt::format("the journal `route_localnet` in the run directory has a line that "
                                     "certlatchd never wrote, `{}`: set "
                                     "net.ipv4.conf.*.route_localnet as it should be and remove the journal",
                                     interface)));
  return interfaces;
}

}  // namespace

Result<std::unique_ptr<RouteLocalnet>> RouteLocalnet::prepare(const std::set<std::string>& interfaces,
                                                              int run_directory,
                                                              const std::string& settings) {
  auto made = std::make_unique<RouteLocalnet>();
  made->run_directory_ = run_directory;
  made->raised_ = TRY(read_journal(run_directory));
  std::set<std::string> all = made->raised_;
  all.insert(interfaces.begin(), interfaces.end());
  for (const std::string& interface : all) {
    const std::string path = settings + "/" + interface + "/route_localnet";
    made->settings_[interface].reset(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!made->settings_[interface].is_open() && errno != ENOENT) return fail(Error::system("open " + path));
  }
  TRY(made->set({}));
  std::erase_if(made->settings_, [&](const auto& one) { return !interfaces.contains(one.first); });
  return made;
}

Result<void> RouteLocalnet::set(const std::set<std::string>& interfaces) {
  const std::set<std::string> before = raised_;
  std::set<std::string> raised = before;
  for (const std::string& interface : interfaces) {
    if (before.contains(interface)) continue;
    const auto setting = settings_.find(interface);
    if (setting == settings_.end() || !setting->second.is_open())
      return fail(Error::conflict(fmt::format(
          "interface {} did not exist when certlatchd started: restart it now that it does", interface)));
    char value = '0';
    if (::pread(setting->second.get(), &value, 1, 0) < 0) return fail(explain(interface, "read"));
    if (value == '0') raised.insert(interface);
  }
  TRY(write_journal(raised));
  Result<void> outcome;
  for (const std::string& interface : raised_) {
    const bool is_needed = interfaces.contains(interface);
    if (is_needed && before.contains(interface)) continue;
    const UniqueFd& setting = settings_[interface];
    const bool is_written = ::pwrite(setting.get(), is_needed ? "1" : "0", 1, 0) == 1;
    // An interface that went away took its toggle along.
    if (!is_needed && (is_written || errno == ENOENT || !setting.is_open()))
      raised.erase(interface);
    else if (!is_written)
      outcome = fail(explain(interface, "write"));
  }
  const auto journalled = write_journal(raised);
  return outcome ? journalled : outcome;
}

/// On the disk before any is set that it names, and until all that it does not name are put back.
Result<void> RouteLocalnet::write_journal(std::set<std::string> raised) {
  if (raised == raised_) return {};
  if (raised.empty() && ::unlinkat(run_directory_, kJournal, 0) != 0 && errno != ENOENT)
    return fail(Error::system("remove the journal `route_localnet`"));
  if (!raised.empty())
    TRY(replace_small_file(run_directory_, kJournal, fmt::format("{}\n", fmt::join(raised, "\n"))));
  raised_ = std::move(raised);
  return {};
}

}  // namespace certlatch
