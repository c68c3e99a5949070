// SPDX-License-Identifier: MIT
// What all orders at one CA share: its directory, the account, the nonces, and the patience with a busy CA
// (RFC 8555, sections 6.2 to 6.7, 7.1.1, 7.2 and 7.3).
//
// Tried again here, so that orders need not: a nonce that the CA no longer likes; 429 and 503 with a
// Retry-After that is not too far away; faults of the CA's own; connections that broke off.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/channel.h"
#include "worker/acme/ca_request.h"
#include "worker/acme/directory.h"
#include "worker/acme/http.h"
#include "worker/acme/messages.h"
#include "worker/acme/new_order.h"
#include "worker/acme/signer.h"

namespace certlatch {

class Session {
 public:
  using Ready = std::move_only_function<void(std::expected<void, OrderFailed>)>;
  using Done = std::move_only_function<void(CaOutcome)>;
  using OnAccount = std::function<void(AccountKnown)>;
  using OnWait = std::function<void(Progress)>;

  /// `http` and `signer` must outlive the session. `on_account` is told the account's URL when it becomes
  /// known, `on_wait` what is waited for before a request is sent again.
  Session(CaSettings settings, HttpClient& http, Signer& signer, OnAccount on_account, OnWait on_wait = {});
  ~Session();

  /// `directory_at_once`: for what is not worth waiting for a busy CA.
  enum class Need : std::uint8_t { directory_at_once, directory, account };
  /// Calls `ready` when directory and account are there, or with what went wrong. A failure is remembered for
  /// a minute: many orders of one run need not wait for the same dead CA one after the other.
  void when_ready(Need need, Ready ready);
  // Once ready.
  [[nodiscard]] const Directory& directory() const { return directory_; }
  [[nodiscard]] const std::string& account_url() const { return account_url_; }
  [[nodiscard]] const CaSettings& settings() const { return settings_; }
  [[nodiscard]] CaTerms terms() const;

  /// Once ready: signs the request and sends it. `done` may be called from here.
  void post(CaRequest request, Done done);
  /// Sends it without a signature, as a GET.
  void get(CaRequest request, Done done);

  /// Sends what has waited long enough.
  void run(Deadline now);
  [[nodiscard]] std::optional<Deadline> wake() const;

 private:
  enum class State : std::uint8_t { idle, fetching, known, finding, ready };
  struct Pending;
  using PendingRequest = std::unique_ptr<Pending>;
  struct Waiting {
    Need need;
    Ready ready;
  };
  using Start = std::expected<void, OrderFailed>;

  void fetch_directory();
  /// Nobody has waited for the CA yet: whoever wants to begins anew.
  void directory_is_not_there_at_once(const OrderFailed& failure);
  void directory_answered(const HttpResponse& response);
  void need_account();
  void find_account(const std::string& binding);
  void account_answered(const HttpResponse& response);
  void account_known();
  /// Back to `state`: all that wait have waited in vain.
  void start_failed(State state, OrderFailed failure);

  void send(PendingRequest pending);
  void fetch_nonce(PendingRequest pending);
  void sign(PendingRequest pending, std::string nonce);
  void answered(PendingRequest pending, HttpOutcome outcome);
  /// `why`: for a person, or empty.
  void send_after(PendingRequest pending, std::chrono::milliseconds pause, std::string_view why = {});
  void keep_nonce(const std::string& nonce);

  CaSettings settings_;
  HttpClient& http_;
  Signer& signer_;
  OnAccount on_account_;
  OnWait on_wait_;
  HttpRoute route_;
  std::string origin_;
  State state_ = State::idle;
  std::vector<Waiting> waiting_for_start_;
  std::optional<OrderFailed> start_failure_;
  Deadline start_failed_at_{};
  Directory directory_;
  std::string account_url_;
  std::vector<std::string> nonces_;
  std::vector<PendingRequest> delayed_;
};

}  // namespace certlatch
