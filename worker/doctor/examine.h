// SPDX-License-Identifier: MIT
// Would a renewal work now? Each examination looks at one thing that a run stands on, and changes nothing,
// but for examine_openings(), which opens each port for a moment. `root` is put before every path that is
// looked at: for tests.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/messages.h"
#include "protocol/result.h"
#include "worker/check/address_check.h"
#include "worker/doctor/finding.h"
#include "worker/import/certbot_files.h"
#include "worker/run/work.h"

namespace certlatch {

/// Room on the disk, and whether all that is kept is this user's alone.
void examine_state(const Store& store, Findings& findings);

/// Can the worker's user write to each `webroot`, execute each command, and read each [dns]'s credentials?
void examine_files(const Config& config, Findings& findings);

/// Are the configuration's entries in the policy, and is enough of each budget left for a run? Which names an
/// install entry may hold the broker does not say: the text of the policy's file does, if it could be read.
void examine_policy(const Config& config, const StatusAnswer& broker, const std::string& policy_file,
                    const Result<std::string>& policy, Findings& findings);

/// Does the ruleset in force let through what the configuration's openings let in? `said` is what
/// ask_policy_tool() was answered.
void examine_ruleset(const Config& config, const Result<std::string>& said, Findings& findings);
/// Instead, when this is not root's to look at.
void say_that_root_sees_the_ruleset(const Config& config, Findings& findings);

/// What is answered behind each opening, by its entry.
using ServedFamilies = std::map<std::string, Families>;
[[nodiscard]] ServedFamilies families_of(const StatusAnswer& broker);

/// Opens and shuts each port that the configuration's certificates need, with the responder behind it, and
/// notes over what that answers. Whether anything from outside arrives is not seen.
void examine_openings(Run& run, ServedFamilies& served, Findings& findings);

/// Do the names lead to this host, in families that are answered over? Only of certificates that prove them
/// by a connection to this host.
void examine_addresses(Run& run, const ServedFamilies& served, Findings& findings);

/// What a CA calls itself in CAA records, by its [ca].
using CaaIdentities = std::map<std::string, std::vector<std::string>>;

/// Is each CA there, does it know the account, and is its clock ours? Returns what the directories say.
CaaIdentities examine_cas(Run& run, Findings& findings);

/// Does the DNS let one of the certificate's CAs issue? Of a CA that does not say what it calls itself,
/// nothing is known.
void examine_caa(Run& run, const CaaIdentities& identities, Findings& findings);

/// Does anything call certlatch from time to time?
void examine_schedule(const std::string& root, Findings& findings);

/// Does certbot renew the same names? `opened` are its files, if root could open them; otherwise what anybody
/// may see is looked at.
void examine_certbot(Run& run, const std::optional<CertbotFiles>& opened, Findings& findings);

}  // namespace certlatch
