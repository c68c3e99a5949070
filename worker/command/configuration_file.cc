// SPDX-License-Identifier: MIT
#include "worker/command/configuration_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace certlatch {

Result<ConfigurationFile> ConfigurationFile::open(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (!file.is_open()) return fail(Error::system(path));
  struct stat status {};
  // Everything that this program makes is its user's alone, but for this file: whoever made it, the worker
  // reads it.
  if (::fstat(file.get(), &status) == 0 && status.st_size == 0) (void)::fchmod(file.get(), 0644);
  return ConfigurationFile(std::move(file), path);
}

Result<void> ConfigurationFile::append(std::string_view text) const {
  struct stat before {};
  if (::fstat(file_.get(), &before) != 0) return fail(Error::system(path_));
  const ssize_t n = ::write(file_.get(), text.data(), text.size());
  if (n == static_cast<ssize_t>(text.size()) && ::fsync(file_.get()) == 0) return {};
  const auto error =
      n < 0 || n == static_cast<ssize_t>(text.size()) ? Error::system(path_) : Error::system(path_, ENOSPC);
  // A part of a section would be a fault of the configuration.
  if (::ftruncate(file_.get(), before.st_size) != 0)
    return fail(error.in("a part of the new text was left at the end"));
  return fail(error);
}

std::string text_of_configuration(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string_view space_after(std::string_view text) {
  if (text.empty() || text.ends_with("\n\n")) return "";
  return text.ends_with('\n') ? "\n" : "\n\n";
}

}  // namespace certlatch
