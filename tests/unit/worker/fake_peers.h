// SPDX-License-Identifier: MIT
// A CA, a keeper, a responder and a broker that answer from threads and write down, in one list, what they
// were asked in which order.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "protocol/messages.h"
#include "worker/acme/messages.h"
#include "worker/role/peers.h"
#include "worker/state/schedule.h"

namespace certlatch {

class FakePeers : public Peers {
 public:
  static constexpr Seconds kNotBefore = 1'700'000'000, kNotAfter = kNotBefore + 90 * 24 * 3600;

  ~FakePeers() override;

  Result<Channel> connect_broker() override;
  Result<HelperProcess> start_keeper(UniqueFd acme) override;
  Result<HelperProcess> start_acme(UniqueFd keeper) override;
  Result<HelperProcess> start_responder() override;
  Result<HelperProcess> start_dns() override;
  Result<HelperProcess> start_verify() override;

  // ---- what happened
  [[nodiscard]] std::vector<std::string> events();
  /// The place of the first event that begins like this; the number of events when there is none.
  [[nodiscard]] std::size_t when(std::string_view beginning);
  [[nodiscard]] std::size_t count(std::string_view beginning);
  void forget_events();

  // ---- how they behave; set before the run
  bool has_broker = true;
  bool port_is_taken = false;
  bool challenges_are_valid = false;  // authorizations of an earlier order are still good
  std::size_t validate_together = 1;  // the CA answers when it has heard so many Validate
  std::set<std::string> fail_order;   // first names: newOrder is refused
  std::string order_problem = "urn:ietf:params:acme:error:dns";
  std::set<std::string> fail_validation;            // first names
  std::set<std::string> fail_ca;                    // newOrder is refused there
  std::string renewal_id;                           // of every certificate
  std::string remark;                               // likewise
  std::map<std::string, RenewalInfo> renewal_info;  // by renewal id
  bool acme_dies_at_finalize = false;
  std::set<std::string> refuse_open;  // broker entries
  std::set<std::string> refuse_install;
  std::set<std::string> refuse_restart;
  bool broker_dies_at_install = false;
  bool broker_dies_after_restart = false;
  std::set<std::string> fail_check;      // install entries that their services' checks do not agree with
  std::string served;                    // what is wrong with what is served, or nothing
  std::size_t compare_together = 1;      // answered when so many are asked about, in the opposite order
  std::set<std::string> verify_dies_of;  // hosts
  std::function<void()> at_validate;
  std::chrono::milliseconds takes{0};  // a decision, a restart, a comparison

  // ---- what the broker has; kept from run to run
  std::vector<OpeningStatus> openings = {{"http", 80, 8080, false, 60}};
  std::map<std::string, InstallStatus> installs;
  std::map<std::string, InstallStatus> staged;    // what is undone when a check fails, or the connection ends
  std::vector<std::string> services = {"nginx"};  // in the policy's order
  std::map<std::string, std::map<std::string, Digest>> loaded;  // service -> install -> fingerprint
  std::map<std::string, std::string> keys;                      // the keeper's

 private:
  Answer restart(const std::string& service);
  void undo_staged();
  void note(std::string event);
  Channel serve(std::function<void(Channel)> server);
  void serve_acme(Channel channel);
  void serve_keeper(Channel channel);
  void serve_responder(Channel channel);
  void serve_broker(Channel channel);
  Answer answer(const Request& request);

  std::mutex mutex_;
  std::vector<std::string> events_;
  std::vector<std::thread> threads_;
  std::vector<UniqueFd> held_;
  std::uint64_t leases_ = 0;
  int serial_ = 0;
};

}  // namespace certlatch
