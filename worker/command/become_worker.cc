// SPDX-License-Identifier: MIT
#include "worker/command/become_worker.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace certlatch {

bool is_root() { return ::geteuid() == 0; }

Result<void> become_worker(const Setting& setting) {
  if (!is_root()) return {};
  const auto refuse = [&](std::string_view why) {
    return fail(Error::refused(fmt::format(
        "root does this for the user that owns the state directory, and {} {}: make that user and its "
        "directory first (adduser --system --group --home {} certlatch; chmod 0700 {})",
        setting.state, why, setting.state, setting.state)));
  };
  struct stat status {};
  if (::stat(setting.state.c_str(), &status) != 0)
    return errno == ENOENT ? Result<void>(refuse("does not exist"))
                           : fail(Error::system("stat " + setting.state));
  if (status.st_uid == 0) return refuse("belongs to root");
  const passwd* user = ::getpwuid(status.st_uid);
  if (user == nullptr) return refuse(fmt::format("belongs to uid {}, which is no user", status.st_uid));
  const uid_t uid = user->pw_uid;
  const gid_t gid = user->pw_gid;
  if (::initgroups(user->pw_name, gid) != 0 || ::setresgid(gid, gid, gid) != 0 ||
      ::setresuid(uid, uid, uid) != 0)
    return fail(Error::system(fmt::format("become the user {}", user->pw_name)));
  // The change of user has made it visible to debuggers of that user again.
  if (::setuid(0) == 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return fail(Error::refused("root's privilege could not be given up"));
  return {};
}

}  // namespace certlatch
