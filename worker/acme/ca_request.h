// SPDX-License-Identifier: MIT
// One signed request to a CA, as an order asks for it and a session carries it out.
#pragma once

#include <expected>
#include <string>

#include "worker/acme/http_message.h"
#include "worker/acme/messages.h"

namespace certlatch {

/// Who signs: the account, named by its URL, or a key, which is shown.
enum class Signature : std::uint8_t { account, account_key, next_account_key, certificate_key };

struct CaRequest {
  std::string what;     // "newOrder": the beginning of every sentence about it
  std::string url;      // of the CA's origin
  std::string payload;  // JSON; empty for POST-as-GET
  std::string accept;   // a media type, or empty
  Signature signature = Signature::account;
  bool waits = true;  // as long as a busy CA asks for, within bounds; false: that is told at once
};

/// The CA's last word, whatever its status; or why there is none, after all that could be tried again was.
using CaOutcome = std::expected<HttpResponse, OrderFailed>;

}  // namespace certlatch
