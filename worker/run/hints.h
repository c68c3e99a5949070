// SPDX-License-Identifier: MIT
// What a person would look at first when a CA could not validate a name: where the name leads, and whether
// anything reached the responder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/acme/messages.h"
#include "worker/dns/messages.h"
#include "worker/responder/messages.h"

namespace certlatch {

/// "\n  hint: ..." lines, one for each name that has addresses or none; empty when nothing is known.
[[nodiscard]] std::string address_hint(const std::vector<NameAddresses>& names);

/// `seen` adds up the responder's counts for the tokens of one certificate; nothing when it is gone.
[[nodiscard]] std::string responder_hint(const std::optional<TokenForgotten>& seen, std::uint16_t port);

/// How to go on with another account, when a CA of that name may have refused to hear this one at all.
/// `state` is the state directory.
[[nodiscard]] std::string account_hint(const OrderFailed& failure, const std::string& ca,
                                       const std::string& state);

/// Why nothing can be installed there, when the directory is not there any more; or nothing.
[[nodiscard]] std::string directory_hint(const std::string& directory);

}  // namespace certlatch
