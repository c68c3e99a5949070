// SPDX-License-Identifier: MIT
// The payload of newOrder (RFC 8555, section 7.4), with what came after: `replaces` (RFC 9773, section 5) and
// `profile` (draft-ietf-acme-profiles). What the CA does not know is left out; what it refuses is given up.
#pragma once

#include <string>
#include <vector>

#include "protocol/result.h"
#include "worker/acme/messages.h"
#include "worker/acme/problem.h"

namespace certlatch {

/// What a CA's directory says, and the configuration wishes, about all orders.
struct CaTerms {
  std::string new_order;        // URL
  std::string preferred_chain;  // the common name of its root's subject; empty: the CA's default
  bool has_renewal_info = false;
  std::vector<std::string> profiles;  // that it offers
};

class NewOrder {
 public:
  /// `names` are canonical. Kind::invalid when the CA lacks a profile that is required.
  NewOrder(const PlaceOrder& order, const CaTerms& terms, std::vector<std::string> names);

  /// Why it cannot be placed at all; empty when it can.
  [[nodiscard]] const std::string& fault() const { return fault_; }
  [[nodiscard]] std::string payload() const;
  /// Leaves out what the CA may have refused the order for, and can be done without; false when there is
  /// nothing of the kind.
  [[nodiscard]] bool give_way_to(const Problem& problem, long status);

 private:
  std::vector<std::string> names_;
  std::string replaces_;
  std::string profile_;
  bool profile_is_required_;
  std::string fault_;
};

}  // namespace certlatch
