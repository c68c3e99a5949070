// SPDX-License-Identifier: MIT
// What is said of authorizations that are lost.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "worker/acme/messages.h"
#include "worker/acme/order_objects.h"

namespace certlatch {

/// "a, b, c, d, e and 7 more"
[[nodiscard]] std::string listed(const std::vector<std::string>& names);

/// Why an authorization that is neither pending nor valid is lost: what the CA says of its challenge.
[[nodiscard]] OrderFailed lost(const AuthorizationObject& object);

/// The CA offers no challenge of the wanted type.
[[nodiscard]] OrderFailed nothing_offered(const AuthorizationObject& object);

/// One failure for several names: the first in full, and a line for each.
[[nodiscard]] OrderFailed together(const std::vector<std::pair<std::string, OrderFailed>>& failures);

}  // namespace certlatch
