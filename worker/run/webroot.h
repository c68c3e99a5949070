// SPDX-License-Identifier: MIT
// Challenges as files in a directory that a web server serves: WEBROOT/.well-known/acme-challenge/TOKEN.
#pragma once

#include <string>

#include "protocol/result.h"

namespace certlatch {

/// Everyone may read the file; missing directories below the webroot are made. `token` is base64url, as the
/// acme process has checked.
[[nodiscard]] Result<void> put_challenge_file(const std::string& webroot, const std::string& token,
                                              const std::string& key_authorization);
/// One that is not there is no error.
void remove_challenge_file(const std::string& webroot, const std::string& token);

}  // namespace certlatch
