// SPDX-License-Identifier: MIT
#include "worker/acme/abandoned.h"

#include "worker/acme/json.h"

namespace certlatch {

void AbandonedAuthorizations::deactivate(Session& session, const std::string& url) {
  session.post({"the end of an authorization", url, kDeactivated, ""},
               [this](const CaOutcome&) { --under_way_; });
}

void AbandonedAuthorizations::end(Session& session, AbandonedAuthorization authorization) {
  ++under_way_;
  if (authorization.is_pending) return deactivate(session, authorization.url);
  constexpr const char* kWhat = "an authorization of an order that is given up";
  session.post({kWhat, authorization.url, "", ""},
               [this, &session, url = authorization.url](const CaOutcome& outcome) {
                 const auto json = outcome && outcome->status == 200 ? parse_object(outcome->body, kWhat)
                                                                     : fail(Error::invalid(""));
                 const auto status = json ? optional_text_in(*json, "status", kWhat) : fail(json.error());
                 if (status && *status == "pending") return deactivate(session, url);
                 --under_way_;
               });
}

}  // namespace certlatch
