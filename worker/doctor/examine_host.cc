// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "worker/doctor/examine.h"

namespace certlatch {
namespace {

namespace fs = std::filesystem;

/// Files that are too large to be a crontab are none.
std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(256 * 1024, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::vector<fs::path> files_in(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    files.push_back(entry->path());
  std::ranges::sort(files);
  return files;
}

/// A line of a crontab that is no comment and has `word` in it.
bool calls(const std::string& crontab, std::string_view word) {
  std::istringstream lines(crontab);
  for (std::string line; std::getline(lines, line);)
    if (const auto first = line.find_first_not_of(" \t");
        first != line.npos && line[first] != '#' && line.contains(word))
      return true;
  return false;
}

/// Where `program` is called from by cron or a timer that is enabled; empty when nowhere that can be seen.
std::string caller_of(const std::string& root, const std::string& program, const std::string& timer) {
  std::error_code error;
  for (const char* directory :
       {"/etc/systemd/system/timers.target.wants", "/usr/lib/systemd/system/timers.target.wants"})
    if (const auto path = root + directory + "/" + timer; fs::exists(fs::symlink_status(path, error)))
      return path.substr(root.size());
  auto crontabs = files_in(root + "/etc/cron.d");
  for (const char* directory : {"/etc/cron.hourly", "/etc/cron.daily"})
    for (auto& file : files_in(root + directory)) crontabs.push_back(std::move(file));
  crontabs.emplace_back(root + "/etc/crontab");
  crontabs.emplace_back(root + "/var/spool/cron/crontabs/certlatch");
  for (const auto& crontab : crontabs)
    if (calls(contents(crontab), program)) return crontab.string().substr(root.size());
  return {};
}

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

void examine_schedule(const Config& config, const std::string& root, Findings& findings) {
  const auto caller = caller_of(root, "certlatch", "certlatch.timer");
  if (caller.empty())
    findings.push_back(
        {Verdict::bad, "schedule", "neither cron nor a timer that can be seen here calls certlatch",
         "systemctl enable --now certlatch.timer, or the line of examples/cron in /etc/cron.d/certlatch"});
  else
    findings.push_back({Verdict::good, "schedule", "certlatch is called by " + caller, ""});

  const auto certbot = caller_of(root, "certbot", "certbot.timer");
  if (certbot.empty()) return;
  bool is_shared = false;
  for (const auto& file : files_in(root + "/etc/letsencrypt/renewal")) {
    if (file.extension() != ".conf") continue;
    const auto lineage = file.stem().string();
    for (const auto& certificate : config.certificates) {
      if (certificate.name != lineage &&
          std::ranges::find(certificate.names, lineage) == certificate.names.end())
        continue;
      is_shared = true;
      findings.push_back(
          {Verdict::doubtful, certificate.name,
           fmt::format("certbot, called by {}, renews {} as well", certbot, lineage),
           fmt::format("certbot delete --cert-name {}, or systemctl disable --now certbot.timer", lineage)});
    }
  }
  if (!is_shared)
    findings.push_back({Verdict::good, "certbot",
                        "renews, by " + certbot + ", nothing of this configuration that can be seen", ""});
}

}  // namespace certlatch
