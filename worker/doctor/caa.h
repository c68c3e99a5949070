// SPDX-License-Identifier: MIT
// Would a CA find that it may issue? What CAA records mean to it (RFC 8659), with the limits to a way of
// proving and to an account that RFC 8657 adds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/dns/messages.h"

namespace certlatch {

struct CaaQuestion {
  std::vector<std::string> identities;  // what the CA calls itself
  std::string_view challenge;           // "http-01"
  std::string account_url;              // empty: not known yet
  bool is_wildcard = false;
};

/// Empty when the CA may issue, and otherwise why not, as the end of a sentence that begins with the name of
/// who has the records.
[[nodiscard]] std::string why_caa_forbids(const std::vector<CaaRecord>& records, const CaaQuestion& question);

}  // namespace certlatch
