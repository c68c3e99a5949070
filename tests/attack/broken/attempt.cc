// SPDX-License-Identifier: MIT
#include "tests/attack/broken/attempt.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace certlatch::attack {
namespace {

constexpr char kFile[] = "/run/lab/attempt";

/// Before confinement, which would keep this process from the file.
const std::string kChosen = [] {
  std::string text;
  if (std::FILE* file = std::fopen(kFile, "re")) {
    char line[200];
    if (std::fgets(line, sizeof line, file) != nullptr) text = line;
    std::fclose(file);
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}();

void say(std::string_view name, const char* outcome) {
  char line[256];
  const int size = std::snprintf(line, sizeof line, "attempt: %.*s: %s\n", static_cast<int>(name.size()),
                                 name.data(), outcome);
  if (size > 0 && ::write(STDERR_FILENO, line, static_cast<std::size_t>(size)) < 0) ::_exit(3);
}

/// `attempts` lists them; `attempt NAME` makes one without any confinement, as whoever started the program.
[[maybe_unused]] const bool kAlone = [] {
  if (kChosen == "list") {
    for (const auto& attempt : attempts())
      std::printf("%s\t%s\t%d\n", attempt.group, attempt.name, attempt.works_for_root ? 1 : 0);
    std::fflush(stdout);
    ::_exit(0);
  }
  if (const char* name = attempt_for("root")) perform(name);
  return true;
}();

}  // namespace

const char* attempt_for(std::string_view where) {
  const std::string_view chosen = kChosen;
  if (!chosen.starts_with(where) || chosen.size() < where.size() + 2 || chosen[where.size()] != ' ')
    return nullptr;
  return kChosen.c_str() + where.size() + 1;
}

void perform(std::string_view name) {
  for (const auto& attempt : attempts()) {
    if (attempt.name != name) continue;
    say(name, "begun");
    errno = 0;
    const long result = attempt.act();
    say(name, result >= 0 ? "done" : strerrorname_np(errno));
    ::_exit(0);
  }
  say(name, "unknown");
  ::_exit(2);
}

}  // namespace certlatch::attack
