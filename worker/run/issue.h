// SPDX-License-Identifier: MIT
// Getting certificates from the CA: all orders of a run side by side, under one opening for each entry.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/messages.h"
#include "worker/acme/messages.h"
#include "worker/check/address_check.h"
#include "worker/run/ca_budgets.h"
#include "worker/run/dns_records.h"
#include "worker/run/door.h"
#include "worker/run/helpers.h"
#include "worker/run/long_wait.h"
#include "worker/run/work.h"

namespace certlatch {

class Issuance {
 public:
  /// Works on every certificate of the run whose plan says so. `status` is the broker's, of this run.
  Issuance(Run& run, BrokerClient& broker, Helpers& helpers, const StatusAnswer& status);

  /// Returns when each certificate is issued and stored, or has failed and said why; or when the run is to
  /// stop. Whatever was opened is shut then.
  void carry_out();

 private:
  enum class Stage : std::uint8_t {
    waiting,     // not placed yet: `parallel` others are under way
    ordering,    // until OrderReady
    validating,  // the CA comes to look
    finalizing,  // until Issued
    over,
  };
  struct Order {
    Work* work = nullptr;
    const OpeningStatus* opening = nullptr;  // none is needed for challenges in a served directory
    Stage stage = Stage::waiting;
    std::size_t ca = 0;       // which of the configuration's
    bool is_counted = false;  // as an order that was placed
    std::vector<HttpChallenge> challenges;
    std::string earlier_problems;  // of CAs that were tried before
    std::string late_problem;      // said when hints have been looked up
    std::optional<TokenForgotten> seen;
    std::string doing;               // as the acme process said last
    std::unique_ptr<LongWait> wait;  // of that, when it may take its time
  };

  bool start();
  void place_orders();
  void wait_for_answers();
  void abandon(std::string_view sentence);
  void tell_late_problems();

  Order* find(std::uint32_t id);
  void take(const AcmeAnswer& answer);
  void take_answer(const AccountKnown& answer);
  void take_answer(const OrderReady& answer);
  void take_answer(const Validated& answer);
  void take_answer(const Issued& answer);
  void take_answer(const OrderFailed& answer);
  void take_answer(const Spoke& answer);
  void take_answer(const Progress& answer);
  // Nobody asks for these here.
  void take_answer(const AccountShown& answer);
  void take_answer(const Revoked& answer);
  void take_answer(const RenewalInfo& answer);
  void take_answer(const ChainRead& answer);
  void take_answer(const DirectoryShown& answer);
  void take_answer(const AuthorizationsEnded& answer);

  /// The CA whose turn it is for this order.
  static const std::string& ca_of(const Order& order) { return order.work->config->cas[order.ca]; }
  /// Why the CA whose turn it is is not to be bothered with this certificate now.
  Result<void> may_ask(const Order& order);
  /// False when there is none left.
  bool try_next_ca(Order& order, std::string_view sentence);
  void place(Order& order);
  Result<void> let_the_ca_in(Order& order, Trouble& trouble);
  /// Has the challenge answered for, in the way that the configuration says.
  Result<void> present(const Order& order, const HttpChallenge& challenge);
  [[nodiscard]] std::string key_authorization_of(const Order& order, const HttpChallenge& challenge) const;
  /// Looks where the names lead; says what may keep the CA away, and refuses what surely will.
  Result<void> check_addresses(const Order& order);
  void ask_where_names_lead();
  void finalize(Order& order);
  Result<std::string> make_request(Work& work);
  void forget_tokens(Order& order);
  void shut_when_decided();
  /// The attempt came to nothing: counted, so that the next one waits.
  void give_up(Order& order, std::string_view sentence);
  /// The same without counting: the CA has no part in it.
  void stop_short(Order& order, Trouble trouble, std::string_view sentence);
  bool send(const AcmeOrder& order);
  [[nodiscard]] bool is_over() const;

  Run& run_;
  Helpers& helpers_;
  std::vector<OpeningStatus> openings_;
  std::vector<Order> orders_;                               // an order's id is its place here
  std::map<std::string, Result<std::string>> thumbprints_;  // by CA
  Door door_;
  DnsRecords records_;
  AddressCheck addresses_;
  CaBudgets budgets_;
};

}  // namespace certlatch
