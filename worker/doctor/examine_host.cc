// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>

#include "worker/doctor/caller.h"
#include "worker/doctor/examine.h"

namespace certlatch {
namespace {

namespace fs = std::filesystem;

/// What a restored backup or a command that was run as root has left: the first that the next run could not
/// use, or that others could.
std::string foreign_file_in(const std::string& directory) {
  constexpr int kMost = 200'000;
  int looked_at = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(directory, error), end;
       !error && entry != end && looked_at < kMost; entry.increment(error), ++looked_at) {
    struct stat status {};
    if (::lstat(entry->path().c_str(), &status) != 0) continue;
    if (status.st_uid != ::geteuid())
      return fmt::format("{} belongs to uid {}", entry->path().string(), status.st_uid);
    if (!S_ISLNK(status.st_mode) && (status.st_mode & 077) != 0)
      return fmt::format("{} is open to others (mode {:04o})", entry->path().string(),
                         status.st_mode & 07777);
  }
  return error ? fmt::format("{}: {}", directory, error.message()) : std::string();
}

}  // namespace

void examine_state(const Store& store, Findings& findings) {
  constexpr std::uint64_t kLeastBytes = 16 * 1024 * 1024, kLeastFiles = 100;
  struct statvfs room {};
  if (::statvfs(store.path().c_str(), &room) != 0) {
    findings.push_back(
        {Verdict::bad, "state", Error::system(store.path()).message, "look at the file system"});
    return;
  }
  if (const auto foreign = foreign_file_in(store.path()); !foreign.empty())
    findings.push_back(
        {Verdict::bad, "state", foreign,
         fmt::format("as root: chown -R --reference={0} {0}; chmod -R go= {0}", store.path())});
  const std::uint64_t bytes = room.f_bavail * room.f_frsize;
  const bool is_full = bytes < kLeastBytes || (room.f_files != 0 && room.f_favail < kLeastFiles);
  findings.push_back({is_full ? Verdict::bad : Verdict::good, "state",
                      fmt::format("{} has {} MiB and room for {} files left", store.path(),
                                  bytes / 1024 / 1024, room.f_favail),
                      is_full ? "make room: a run that cannot write its state down asks for nothing" : ""});
}

void examine_schedule(const std::string& root, Findings& findings) {
  const auto caller = caller_of(root, "certlatch", "certlatch.timer");
  // The crontabs of other users are theirs alone.
  if (caller.empty())
    findings.push_back(
        {Verdict::doubtful, "schedule", "neither cron nor a timer that can be seen here calls certlatch",
         "systemctl enable --now certlatch.timer, or the line of examples/cron in /etc/cron.d/certlatch"});
  else
    findings.push_back({Verdict::good, "schedule", "certlatch is called by " + caller, ""});
}

}  // namespace certlatch
