// SPDX-License-Identifier: MIT
// A DNS provider whose API changes records.
#pragma once

#include <memory>

#include "protocol/channel.h"
#include "protocol/result.h"
#include "worker/dns/messages.h"

namespace certlatch {

class Provider {
 public:
  virtual ~Provider() = default;
  /// Adds the record beside those that are there, or removes this one alone.
  [[nodiscard]] virtual Result<void> change(const UpdateRecord& record, Deadline deadline) = 0;
};

/// Reads the credentials; no file but the roots is opened later.
[[nodiscard]] Result<std::unique_ptr<Provider>> provider_for(const UseApi& api);

}  // namespace certlatch
