// SPDX-License-Identifier: MIT
// Where the names lead, before a CA is told to go there: looked up while the CA is busy with the orders, and
// held against what this host can answer. An address that is not this host's is no fault: a router may hand
// the port on.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "worker/dns/messages.h"
#include "worker/role/helper_process.h"
#include "worker/role/peers.h"

namespace certlatch {

/// What the responder answers over; both where somebody else answers.
struct Families {
  bool ipv4 = true;
  bool ipv6 = true;
};

struct AddressFindings {
  std::string refusal;                // why the CA cannot get through; empty when it may
  std::vector<std::string> warnings;  // what may keep it from getting through
};

/// `own`: this host's addresses.
[[nodiscard]] AddressFindings judge_addresses(const std::vector<NameAddresses>& names, Families served,
                                              const std::set<std::string>& own);

class AddressCheck {
 public:
  explicit AddressCheck(Peers& peers) : peers_(peers) {}

  /// Asks, and does not wait. Names that are none of the DNS's are left out.
  void ask_about(const std::vector<std::string>& names);
  /// What was found of these, addresses among them. Waits a little for answers that are not there yet;
  /// nothing is found of names whose answer does not come.
  [[nodiscard]] std::vector<NameAddresses> found(const std::vector<std::string>& names);
  /// From now on for as long as the look-ups may take: nothing else is left to be done.
  void wait_longer();

 private:
  void receive();

  Peers& peers_;
  std::optional<HelperProcess> dns_;
  std::chrono::steady_clock::time_point patience_ends_;
  std::vector<NameAddresses> found_;
};

}  // namespace certlatch
