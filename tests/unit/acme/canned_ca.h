// SPDX-License-Identifier: MIT
// A CA of canned answers and a clock that jumps, for a flow that does no I/O.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "worker/acme/json.h"
#include "worker/acme/order_flow.h"

struct CannedCa {
  /// Answers to a URL in turn; the last one is given again and again.
  std::map<std::string, std::deque<certlatch::HttpResponse>> answers;
  std::vector<certlatch::CaRequest> requests;
  certlatch::Deadline now{std::chrono::hours(1)};

  static certlatch::HttpResponse response(long status, std::string body, std::string location = "") {
    certlatch::HttpResponse made;
    made.status = status;
    made.body = std::move(body);
    made.location = std::move(location);
    return made;
  }
  void will_answer(const std::string& url, long status, const certlatch::Json& body,
                   std::string location = "") {
    answers[url].push_back(response(status, body.dump(), std::move(location)));
  }
  /// Runs the flow to the end of its phase.
  certlatch::AcmeAnswer run(certlatch::OrderFlow& flow);
  [[nodiscard]] std::size_t times_asked(const std::string& url) const;
};

/// What a CA would say; identifiers and URLs are made of the names.
certlatch::Json order_json(const std::string& status, const std::vector<std::string>& names);
certlatch::Json authorization_json(const std::string& status, const std::string& name);
/// The request that certificates answer to, DER.
const std::string& canned_csr();
/// A chain for that request: the leaf for these names, and a root of that common name which has issued it.
std::string certificate_pem(const std::vector<std::string>& names, const std::string& root = "root");

// The URLs of its one order.
inline const std::string kNewOrder = "https://ca.test/new-order";
inline const std::string kOrder = "https://ca.test/order/1";
inline const std::string kFinalize = "https://ca.test/finalize";
inline const std::string kCertificate = "https://ca.test/certificate";
inline std::string authz(const std::string& name) { return "https://ca.test/authz/" + name; }
inline std::string challenge(const std::string& name) { return "https://ca.test/challenge/" + name; }

/// A CA that does everything right for these names.
CannedCa good_ca(const std::vector<std::string>& names);

/// An order with the number 5.
certlatch::OrderFlow flow_for(std::vector<std::string> names, std::string order_url = "",
                              certlatch::CaTerms terms = {});

/// The phase ended as it should.
template <class T>
T ended(certlatch::AcmeAnswer answer) {
  const auto* failed = std::get_if<certlatch::OrderFailed>(&answer);
  INFO((failed != nullptr ? failed->sentence : ""));
  REQUIRE(std::holds_alternative<T>(answer));
  return std::get<T>(std::move(answer));
}

/// The order ended, and wants nothing any more.
certlatch::OrderFailed failure(CannedCa& ca, certlatch::OrderFlow& flow);
