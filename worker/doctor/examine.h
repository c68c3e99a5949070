// SPDX-License-Identifier: MIT
// Would a renewal work now? Each examination looks at one thing that a run stands on, and changes nothing,
// but for examine_openings(), which opens each port for a moment.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "protocol/messages.h"
#include "worker/doctor/finding.h"
#include "worker/run/work.h"

namespace certlatch {

/// Room on the disk, and whether all that is kept is this user's alone.
void examine_state(const Store& store, Findings& findings);

/// Are the configuration's entries in the policy, and is enough of each budget left for a run? Which names an
/// install entry may hold the broker does not say: where `policy_file` can be read, it does.
void examine_policy(const Config& config, const StatusAnswer& broker, const std::string& policy_file,
                    Findings& findings);

/// Opens and shuts each port that the configuration's certificates need, with the responder behind it.
void examine_openings(Run& run, Findings& findings);

/// Do the names lead to this host, in each family that they have addresses of? Only of certificates that
/// prove them by a connection to this host.
void examine_addresses(Run& run, Findings& findings);

/// What a CA calls itself in CAA records, by its [ca].
using CaaIdentities = std::map<std::string, std::vector<std::string>>;

/// Is each CA there, does it know the account, and is its clock ours? Returns what the directories say.
CaaIdentities examine_cas(Run& run, Findings& findings);

/// Does the DNS let one of the certificate's CAs issue? Of a CA that does not say what it calls itself,
/// nothing is known.
void examine_caa(Run& run, const CaaIdentities& identities, Findings& findings);

/// Does anything call certlatch from time to time, and does certbot renew the same names? `root` is put
/// before every path that is looked at: for tests.
void examine_schedule(const Config& config, const std::string& root, Findings& findings);

}  // namespace certlatch
