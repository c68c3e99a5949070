// SPDX-License-Identifier: MIT
// Asking CAs when they would like their certificates to be renewed (RFC 9773).
#pragma once

#include "worker/run/helpers.h"
#include "worker/run/work.h"

namespace certlatch {

/// For every certificate of the run whose CA is to be asked again by now. What is said is written down;
/// nothing that goes wrong here stops a run, which then goes by the lifetime.
void ask_when_to_renew(Run& run, Helpers& helpers);

}  // namespace certlatch
