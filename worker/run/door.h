// SPDX-License-Identifier: MIT
// The way in for the CA: the responder on the high port, and the broker's openings that lead to it. The
// responder is bound before anything is opened, so that no other user of this host can hold the port when the
// door opens.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/messages.h"
#include "worker/check/address_check.h"
#include "worker/responder/messages.h"
#include "worker/role/helper_process.h"
#include "worker/role/peers.h"
#include "worker/run/broker_client.h"
#include "worker/show/report.h"

namespace certlatch {

class Door {
 public:
  /// `openings` are all that this run may need; `for_tls` names those of tls-alpn-01. The others are
  /// borrowed.
  Door(Peers& peers, BrokerClient& broker, Report& report, std::vector<OpeningStatus> openings,
       std::set<std::string> for_tls)
      : peers_(peers),
        broker_(broker),
        report_(report),
        openings_(std::move(openings)),
        for_tls_(std::move(for_tls)) {}
  /// Shuts what is still open.
  ~Door() { (void)close_all(); }
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  /// Starts the responder when it is not there yet, has it answer for the token, and looks whether it does:
  /// Kind::conflict when it does not. `opening` is the one that will lead there; `tls_name` is the identifier
  /// for tls-alpn-01, and empty for http-01.
  [[nodiscard]] Result<void> expect(const OpeningStatus& opening, const std::string& token,
                                    const std::string& key_authorization, const std::string& tls_name);
  /// What is answered behind that opening, as far as expect() has seen.
  [[nodiscard]] Families served(const std::string& entry) const;
  /// What became of the token, besides our own looks; nothing is known when the responder is gone.
  [[nodiscard]] std::optional<TokenForgotten> forget(const std::string& token);

  /// One lease serves all; asks for a new one only when there is none or its time is up.
  [[nodiscard]] Result<void> open(const std::string& entry);
  [[nodiscard]] Result<void> close(const std::string& entry);
  [[nodiscard]] Result<void> close_all();

 private:
  struct Lease {
    std::uint64_t id = 0;
    std::chrono::steady_clock::time_point end;
  };
  [[nodiscard]] Result<void> start_responder();
  [[nodiscard]] Result<void> check(const OpeningStatus& opening, const std::string& token,
                                   const std::string& key_authorization, const std::string& tls_name);
  template <class Wanted>
  Result<Wanted> ask_responder(const ResponderOrder& order);

  Peers& peers_;
  BrokerClient& broker_;
  Report& report_;
  std::vector<OpeningStatus> openings_;
  std::set<std::string> for_tls_;
  std::optional<HelperProcess> responder_;
  std::optional<Error> responder_trouble_;
  std::map<std::string, Lease> leases_;                // by entry
  std::map<std::string, Families> served_;             // by entry
  std::optional<HelperProcess> verify_;                // looks at answers by TLS
  std::map<std::string, std::uint32_t> own_requests_;  // by token
  std::uint32_t own_connections_ = 0;
};

}  // namespace certlatch
