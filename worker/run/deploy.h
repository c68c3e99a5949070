// SPDX-License-Identifier: MIT
// Bringing certificates to where they are used: into every install entry first, then each service that has
// not loaded what is live now is restarted, once for all of them. A key is put away when every entry has it.
#pragma once

#include "worker/run/broker_client.h"
#include "worker/run/keeper_client.h"
#include "worker/run/work.h"

namespace certlatch {

/// Works on every certificate of the run that was issued by it or is left over from an earlier one. Whatever
/// fails is said and stays to be done by the next run.
void deploy(Run& run, BrokerClient& broker, KeeperClient& keeper);

}  // namespace certlatch
