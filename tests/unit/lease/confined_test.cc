// SPDX-License-Identifier: MIT
// After prepare(), an opening needs no root and no new socket.
#include <cap-ng.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <unistd.h>

#include "tests/unit/lease/lab.h"

namespace certlatch {
namespace {

constexpr unsigned kNobody = 65534;

/// As the broker confines itself, as far as openings can notice.
bool confine() {
  capng_clear(CAPNG_SELECT_BOTH);
  capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED), CAP_NET_ADMIN);
  if (capng_change_id(kNobody, kNobody,
                      static_cast<capng_flags_t>(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING)) != 0)
    return false;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  for (const int call : {SCMP_SYS(socket), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(setsockopt),
                         SCMP_SYS(ioctl), SCMP_SYS(open), SCMP_SYS(clone), SCMP_SYS(execve)})
    if (seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, call, 0) != 0) return false;
  return seccomp_load(filter) == 0;
}

TEST_CASE("openings are made and shut without root, without a new socket and without a path") {
  const Lab lab;
  Lab::load(kFirewall);
  const UniqueFd any = Lab::listen("::", 8080);
  const std::string before = Lab::ruleset();
  REQUIRE(::chown(lab.run_path().c_str(), kNobody, kNobody) == 0);
  for (const OpeningEntry& entry : {http_entry(), loopback_entry()}) {
    CAPTURE(entry.to_loopback);
    // Ready once it has opened and closed; then it holds another lease.
    Victim holder([&] {
      static std::unique_ptr<Leases> leases = prepared(lab, {entry});
      if (!confine()) return false;
      const std::uint64_t lease = opened(*leases, entry);
      if (!leases->tidy_up().empty() || !leases->close(lease)) return false;
      opened(*leases, entry);
      return true;
    });
    REQUIRE(holder.is_ready());
    CHECK(lab.reaches(kHost4, 80));
    holder.kill();
    prepared(lab, {entry});
    CHECK(Lab::ruleset() == before);
    CHECK(Lab::setting() == "0\n");
  }
}

}  // namespace
}  // namespace certlatch
