// SPDX-License-Identifier: MIT
// What is asked of a CA besides certificates: the account (RFC 8555, sections 7.3.2 to 7.3.6), revocation
// (section 7.6) and renewal information (RFC 9773). And, without asking anybody, what a chain holds.
#pragma once

#include <functional>
#include <string>

#include "worker/acme/messages.h"
#include "worker/acme/sessions.h"
#include "worker/acme/signer.h"

namespace certlatch {

class Tasks {
 public:
  using Say = std::function<void(const AcmeAnswer&)>;

  /// `say` takes what the main process is to hear. The others must outlive this.
  Tasks(const Sessions& sessions, Signer& signer, Say say)
      : sessions_(sessions), signer_(signer), say_(std::move(say)) {}

  void take(const AccountTask& task);
  void take(const Revoke& task);
  void take(const AskRenewalInfo& task);
  void take(const ReadChain& task);
  void take(const AskDirectory& task);
  void take(const EndAuthorizations& task);

 private:
  void account_ready(Session& session, const AccountTask& task);
  void look_for_next_key(Session& session, const AccountTask& task);
  void roll_over(Session& session, const AccountTask& task);
  void show(Session& session, const AccountTask& task, const HttpResponse& response);
  void refuse(std::uint32_t id, OrderFailed failure);
  void refuse(std::uint32_t id, std::string sentence);

  const Sessions& sessions_;
  Signer& signer_;
  Say say_;
};

}  // namespace certlatch
