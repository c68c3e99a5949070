// SPDX-License-Identifier: MIT
#include "worker/run/hidden_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>

#include "protocol/unique_fd.h"

namespace certlatch {
namespace {

// Everything but execution: a hook is a program, and starts others.
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr std::uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kAll =
    kOfFiles | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;

class Ruleset {
 public:
  Result<void> make() {
    landlock_ruleset_attr wanted{};
    wanted.handled_access_fs = kAll;
    fd_ = UniqueFd(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, sizeof wanted, 0)));
    if (fd_.is_open()) return {};
    return fail(
        Error::refused(fmt::format("a command is run only where the kernel can keep the keys from it, by "
                                   "Landlock: {}",
                                   Error::system("landlock_create_ruleset").message)));
  }

  /// What cannot be opened cannot be reached by the command either.
  Result<void> allow(int above, const char* name, std::uint64_t access) {
    const UniqueFd fd(::openat(above, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat found {};
    if (!fd.is_open() || ::fstat(fd.get(), &found) != 0 || S_ISLNK(found.st_mode)) return {};
    landlock_path_beneath_attr rule{};
    rule.allowed_access = S_ISDIR(found.st_mode) ? access : access & kOfFiles;
    rule.parent_fd = fd.get();
    if (::syscall(SYS_landlock_add_rule, fd_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0) return {};
    return fail(Error::system(fmt::format("a rule for {}", name)));
  }

  Result<void> apply() {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::syscall(SYS_landlock_restrict_self, fd_.get(), 0) != 0)
      return fail(Error::system("landlock_restrict_self"));
    return {};
  }

 private:
  UniqueFd fd_;
};

}  // namespace

Result<void> hide_directory(const std::string& directory, const std::string& visible) {
  Ruleset rules;
  if (auto made = rules.make(); !made) return made;
  UniqueFd above(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (std::size_t start = 1; start <= directory.size();) {
    const auto end = std::min(directory.find('/', start), directory.size());
    const auto name = directory.substr(start, end - start);
    UniqueFd next(::openat(above.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(above.release()), ::closedir);
    if (list == nullptr) return fail(Error::system("open " + directory.substr(0, start)));
    while (const dirent* entry = ::readdir(list.get())) {
      const std::string_view other = entry->d_name;
      if (other == "." || other == ".." || other == name) continue;
      if (auto allowed = rules.allow(::dirfd(list.get()), entry->d_name, kAll); !allowed) return allowed;
    }
    if (!next.is_open()) return fail(Error::system("open " + directory.substr(0, end)));
    above = std::move(next);
    start = end + 1;
  }
  if (!visible.empty())
    if (auto allowed = rules.allow(AT_FDCWD, visible.c_str(), kReading); !allowed) return allowed;
  return rules.apply();
}

}  // namespace certlatch
