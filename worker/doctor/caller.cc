// SPDX-License-Identifier: MIT
#include "worker/doctor/caller.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace certlatch {
namespace {

namespace fs = std::filesystem;

/// A line of a crontab that is no comment and has `word` in it.
bool calls(const std::string& crontab, std::string_view word) {
  std::istringstream lines(crontab);
  for (std::string line; std::getline(lines, line);)
    if (const auto first = line.find_first_not_of(" \t");
        first != line.npos && line[first] != '#' && line.contains(word))
      return true;
  return false;
}

}  // namespace

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

std::string caller_of(const std::string& root, const std::string& program, const std::string& timer) {
  std::error_code error;
  for (const char* directory :
       {"/etc/systemd/system/timers.target.wants", "/usr/lib/systemd/system/timers.target.wants"})
    if (const auto path = root + directory + "/" + timer; fs::exists(fs::symlink_status(path, error)))
      return path.substr(root.size());
  auto crontabs = files_in(root + "/etc/cron.d");
  for (const char* directory : {"/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly"})
    for (auto& file : files_in(root + directory)) crontabs.push_back(std::move(file));
  crontabs.emplace_back(root + "/etc/crontab");
  crontabs.emplace_back(root + "/var/spool/cron/crontabs/certlatch");
  for (const auto& crontab : crontabs)
    if (calls(contents(crontab), program)) return crontab.string().substr(root.size());
  return {};
}

}  // namespace certlatch
