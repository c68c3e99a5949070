// SPDX-License-Identifier: MIT
// Ends what a CA holds to be proven of names: an order for them shows the authorizations that are valid, and
// each is deactivated (RFC 8555, section 7.5.2).
#pragma once

#include <functional>

#include "worker/acme/messages.h"
#include "worker/acme/session.h"

namespace certlatch {

/// Answered by AuthorizationsEnded or OrderFailed. `session` and what `say` holds must outlive it.
void end_authorizations(Session& session, const EndAuthorizations& task,
                        const std::function<void(const AcmeAnswer&)>& say);

}  // namespace certlatch
