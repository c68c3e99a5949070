// SPDX-License-Identifier: MIT
#include "broker/confinement.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>

#include "policy/allowed_calls.h"
#include "protocol/landlock.h"
#include "protocol/system_call_filter.h"
#include "protocol/unique_fd.h"

namespace certlatch {
namespace {

constexpr unsigned kSpecialModeBits = 07000;  // set-uid, set-gid, sticky
constexpr unsigned kNegativeInt = 0x80000000;

scmp_arg_cmp clear(unsigned argument, unsigned bits) { return SystemCallFilter::masked(argument, bits, 0); }

Result<void> load_filter(const Confinement& confinement) {
  SystemCallFilter filter;
  allow_basics(filter);
  for (const int call : kAllowedCalls) filter.allow({call});
  // Below a held directory, never through a link, never with special bits. A masked comparison, since the
  // kernel looks at the low 32 bits of AT_FDCWD only.
  filter.allow(SCMP_SYS(openat), {clear(0, kNegativeInt), SystemCallFilter::masked(2, O_NOFOLLOW, O_NOFOLLOW),
                                  clear(3, kSpecialModeBits)});
  filter.allow(SCMP_SYS(fchmod), {clear(1, kSpecialModeBits)});
  // Of any descriptor, even one that the worker passed: only to the owners that the policy names.
  for (const auto& [uid, gid] : confinement.owners)
    filter.allow(SCMP_SYS(fchown), {SystemCallFilter::equals(1, uid), SystemCallFilter::equals(2, gid)});
  // To the connected peer and the kernel: no Unix socket can be reached by its path.
  filter.allow(SCMP_SYS(sendto), {SystemCallFilter::equals(4, 0)});
  for (const auto what : {F_GETFL, F_GETFD, F_SETFD})
    filter.allow(SCMP_SYS(fcntl), {SystemCallFilter::equals(1, static_cast<std::uint64_t>(what))});
  // Refused, not killed: libraries make a socket non-blocking that is so already. Allowed, it could take
  // O_APPEND off the audit log.
  filter.refuse(SCMP_SYS(fcntl), EPERM, {SystemCallFilter::equals(1, F_SETFL)});
#if defined(CERTLATCH_SANITIZED)
  filter.allow({SCMP_SYS(open), SCMP_SYS(writev)});
#endif
  return filter.load();
}

Result<void> become_user(const Confinement& confinement, bool keep_chown) {
  capng_clear(CAPNG_SELECT_ALL);
  const auto both = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
  capng_update(CAPNG_ADD, both, CAP_NET_ADMIN);
  if (keep_chown) capng_update(CAPNG_ADD, both, CAP_CHOWN);
  const auto flags = CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT;
  const int code = capng_change_id(static_cast<int>(confinement.uid), static_cast<int>(confinement.gid),
                                   static_cast<capng_flags_t>(flags));
  if (code == 0) return {};
  return fail(
      Error::refused(fmt::format("cannot become uid {} (capng_change_id says {})", confinement.uid, code)));
}

/// No core file with a key in it, and little room to hoard descriptors.
void limit_resources() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  const UniqueFd lowest_free(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  // Everything opened so far, sixteen connections, and a few files of one install.
  files.rlim_max = std::min(files.rlim_max, static_cast<rlim_t>(lowest_free.get() + 64));
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

Result<std::string> confine(const Confinement& confinement) {
  limit_resources();
  const std::pair own(confinement.uid, confinement.gid);
  const bool keep_chown = std::ranges::any_of(confinement.owners, [&](auto& owner) { return owner != own; });
  TRY(become_user(confinement, keep_chown));
  // A change of uid resets it; without it another process of the same uid could trace this one.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail(Error::system("prctl not dumpable"));

  // Only a kernel without Landlock leaves a gap: what older versions of it do not restrict (truncate, TCP,
  // ioctl, signals) the filter below does.
  const auto landlock = TRY(apply_landlock(confinement.directories));
  if (landlock == 0 && confinement.is_required)
    return fail(Error::refused(
        "the kernel has no Landlock, or it is not enabled at boot: boot one with Landlock (lsm= must name "
        "it), or set `confinement = best effort` in the [broker] section of the policy"));
  const auto filtered = load_filter(confinement);
  if (!filtered && confinement.is_required) return fail(filtered.error());
  return fmt::format(
      "uid {}, cap_net_admin{}{}{}", confinement.uid, keep_chown ? ", cap_chown" : "",
      landlock > 0 ? fmt::format(", landlock {}", landlock) : "; NOT in force: the kernel has no Landlock",
      filtered ? ", seccomp" : "; NOT in force: " + filtered.error().message);
}

}  // namespace certlatch
