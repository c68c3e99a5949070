// SPDX-License-Identifier: MIT
// Would the CA be shown a challenge that is a file in a served directory?
#pragma once

#include <set>
#include <string>
#include <vector>

#include "protocol/result.h"
#include "worker/dns/messages.h"

namespace certlatch {

/// Reads the file as another process would find it. Kind::conflict when it is not what was written.
[[nodiscard]] Result<void> check_challenge_file(const std::string& webroot, const std::string& token,
                                                const std::string& key_authorization);

/// What may keep the web server from showing it: directories that only their owner may enter; and what it
/// answers itself, where the name leads to an address of this host's (`own`). Bounded to a moment.
[[nodiscard]] std::vector<std::string> doubts_about_webroot(const std::string& webroot,
                                                            const std::string& token,
                                                            const std::string& key_authorization,
                                                            const NameAddresses& name,
                                                            const std::set<std::string>& own);

}  // namespace certlatch
