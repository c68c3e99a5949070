// SPDX-License-Identifier: MIT
// One order's way through RFC 8555 (sections 7.1.6 and 7.4) without any I/O: it says which requests it wants,
// is told the answers, and ends each phase with one message for the main process. Many flows run side by
// side; one flow has the requests for all its authorizations under way at once.
//
//   place:     newOrder (or an earlier run's order), every authorization          -> OrderReady
//   validate:  each challenge, then its authorization until it is decided         -> Validated
//   finalize:  the CSR, the order until it is decided, the certificate            -> Issued
//
// OrderFailed ends any phase, and the order with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/channel.h"
#include "worker/acme/abandoned.h"
#include "worker/acme/ca_request.h"
#include "worker/acme/messages.h"
#include "worker/acme/new_order.h"
#include "worker/acme/order_objects.h"

namespace certlatch {

class OrderFlow {
 public:
  /// How long a phase waits for the CA's decision.
  static constexpr std::chrono::seconds kPatience{120};

  /// Begins with placing the order. Every URL must be of newOrder's origin.
  OrderFlow(const PlaceOrder& order, const CaTerms& terms);

  // The next phase; out of turn it ends the order with OrderFailed.
  void validate(Deadline now);
  void finalize(const std::string& csr, Deadline now);

  struct Wanted {
    std::uint64_t ticket;  // comes back with the answer
    CaRequest request;
  };
  /// What is to be sent now. Each request is handed out once.
  [[nodiscard]] std::vector<Wanted> wanted(Deadline now);
  void answer(std::uint64_t ticket, CaOutcome outcome, Deadline now);
  /// When wanted() will have something to do without an answer in between.
  [[nodiscard]] std::optional<Deadline> wake() const;

  /// What it is going through; nothing to say between two phases.
  [[nodiscard]] Progress doing(Deadline now) const;
  /// Authorizations that nobody needs any more, once.
  [[nodiscard]] std::vector<AbandonedAuthorization> take_abandoned() { return std::exchange(abandoned_, {}); }

  /// What the phase ended with, once; ids are filled in.
  [[nodiscard]] std::optional<AcmeAnswer> take_event();

 private:
  enum class Phase : std::uint8_t { placing, placed, validating, validated, finalizing, over };
  enum class Step : std::uint8_t {
    none,
    // of the order
    resume,
    create,
    submit,  // the CSR
    watch,   // until the order is decided
    download,
    alternate,  // chain, until one leads to the preferred root
    // of an authorization
    fetch,
    trigger,  // its challenge
    poll,     // until it is decided
  };
  /// What has one request under way at most: the order itself (slot 0), and each authorization after it.
  struct Slot {
    std::string url;
    Step step = Step::none;
    std::uint64_t ticket = 0;  // of the request that is under way; 0: none is
    Deadline not_before{};
    Deadline asked_for{};                // by the CA, however far away
    std::chrono::milliseconds pause{0};  // before the last repetition
    // of an authorization
    AuthorizationObject object;
    std::optional<OrderFailed> failure;  // final
    std::optional<OrderFailed>
        refusal;  // of the challenge; final unless the authorization is decided all the same
  };

  [[nodiscard]] CaRequest request_for(const Slot& slot) const;
  void order_answered(Step step, const HttpResponse& response, Deadline now);
  void order_placed(Step step, const HttpResponse& response);
  void authorization_answered(Slot& slot, Step step, const HttpResponse& response, Deadline now);
  void authorizations_fetched();
  void authorizations_decided();
  void follow(const OrderObject& order, const HttpResponse& response, Deadline now);
  [[nodiscard]] Result<Issued> read_chain(const HttpResponse& response, std::string& root_name) const;
  void downloaded(const HttpResponse& response, Deadline now);
  void next_alternate(Deadline now);
  void alternate_downloaded(const HttpResponse& response, Deadline now);
  void create();
  void repeat(Slot& slot, Step step, const HttpResponse& response, Deadline now);
  void end_phase(Phase next, AcmeAnswer event);
  void fail_order(OrderFailed failure);
  void fail_order(const Error& error);
  [[nodiscard]] std::string name_of(const Slot& slot) const;

  std::uint32_t id_;
  std::vector<std::string> names_;  // canonical
  std::string new_order_url_;
  std::string origin_;
  std::string challenge_;  // the type that is answered
  std::string preferred_chain_;
  NewOrder new_order_;
  std::string csr_;
  Phase phase_ = Phase::placing;
  Deadline phase_ends_ = Deadline::max();
  bool is_resumed_ = false;
  bool is_accepted_ = false;  // the CSR
  OrderObject order_;
  std::vector<Slot> slots_;
  Issued issued_;                        // the CA's default chain
  std::vector<std::string> alternates_;  // that may be better
  std::vector<std::string> roots_;       // common names, of the chains that were looked at
  std::uint64_t last_ticket_ = 0;
  std::vector<AbandonedAuthorization> abandoned_;
  std::optional<AcmeAnswer> event_;
};

}  // namespace certlatch
