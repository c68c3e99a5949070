// SPDX-License-Identifier: MIT
// A request held against the policy: what has no entry, or a name that its entry does not cover, is refused.
// Budgets and the host's state are not looked at here. Names are compared in the one spelling that
// canonical_name() gives them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"
#include "protocol/messages.h"
#include "protocol/result.h"

namespace certlatch {

/// Why a request for an entry that the policy does not have is refused; `kind` is that of the section:
/// "open".
[[nodiscard]] Refused refuse_unknown(const Policy& policy, std::string_view kind, std::string_view name);

/// Nothing, or why the entry's `names` do not allow the certificate. `certificate_names` is all that it may
/// be taken for, as the inspector reports it: host names and wildcards in any case, IP addresses as text, or
/// bytes that are no name. All must be covered; none at all is refused.
[[nodiscard]] std::optional<Refused> refuse_names(const Policy& policy, const InstallEntry& install,
                                                  const std::vector<std::string>& certificate_names);

/// A host name (letters, digits and hyphens, at most 253 bytes), one with `*` as its whole first label, or an
/// IP address; in lower case, an address as inet_ntop writes it. Anything else is an error that says what is
/// wrong.
[[nodiscard]] Result<std::string> canonical_name(std::string_view text);

/// Does one allowed name cover one name of a certificate? `*.example.org` covers itself and any single label
/// in its place, a bare name only itself, an address only itself. Case does not matter.
[[nodiscard]] bool covers(std::string_view allowed, std::string_view name);

}  // namespace certlatch
