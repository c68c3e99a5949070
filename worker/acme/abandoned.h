// SPDX-License-Identifier: MIT
// Authorizations of an order that is given up are ended (RFC 8555, section 7.5.2), as far as they are
// pending: CAs allow only so many of them at a time. Nobody waits for it.
#pragma once

#include <cstddef>
#include <string>

#include "worker/acme/session.h"

namespace certlatch {

struct AbandonedAuthorization {
  std::string url;
  bool is_pending = false;  // for sure; otherwise the CA is asked
};

class AbandonedAuthorizations {
 public:
  void end(Session& session, AbandonedAuthorization authorization);
  /// How many are under way still.
  [[nodiscard]] std::size_t under_way() const { return under_way_; }

 private:
  void deactivate(Session& session, const std::string& url);
  std::size_t under_way_ = 0;
};

/// The payload that ends an authorization.
inline constexpr const char* kDeactivated = R"({"status":"deactivated"})";

}  // namespace certlatch
