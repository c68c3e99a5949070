// SPDX-License-Identifier: MIT
// What a CA would look for in the answer to a handshake of tls-alpn-01 (RFC 8737, section 3).
#pragma once

#include "protocol/channel.h"
#include "worker/verify/messages.h"

namespace certlatch {

[[nodiscard]] ChallengeCompared compare_challenge(const CompareChallenge& challenge, Deadline deadline);

}  // namespace certlatch
