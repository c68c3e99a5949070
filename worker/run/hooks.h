// SPDX-License-Identifier: MIT
// When the commands of the configuration run, and what they are told. The variables are certbot's, so that
// scripts written for it work.
//
//   before     once for each command, before the first challenge of a certificate that names it
//   after      once for each command, when the last one is decided; RENEWED_DOMAINS and FAILED_DOMAINS
//   deployed   for each certificate that is installed and loaded, until it succeeds once; RENEWED_DOMAINS
//              and RENEWED_LINEAGE, the directory with privkey.pem and fullchain.pem of the first install
//              entry
#pragma once

#include "worker/run/work.h"

namespace certlatch {

/// A certificate whose command fails is not asked for in this run.
void run_before_hooks(Run& run);
void run_after_hooks(Run& run);
void run_deployed_hooks(Run& run);

}  // namespace certlatch
