// SPDX-License-Identifier: MIT
// What a run has to do for each certificate, from the configuration and the state alone: no process is
// started and nobody is asked when the answer is "nothing".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/state/certificate_state.h"
#include "worker/state/config.h"
#include "worker/state/schedule.h"
#include "worker/state/store.h"

namespace certlatch {

enum class IssueReason : std::uint8_t {
  none,  // the certificate is what the configuration wants, and not due
  never_issued,
  due,  // see renewal_time()
  forced,
  interrupted,    // an order that an earlier run has placed is still open
  names_changed,  // the configuration names others
  ca_changed,
  key_is_gone,  // an install entry lacks the pair, and the key was put away when all others had it
};
/// "its names have changed"; empty for none.
[[nodiscard]] std::string_view text_of(IssueReason reason);

/// A step after the issuance.
struct PendingStep {
  bool is_pending = false;
  Seconds not_before = 0;  // it waits until then, after failures
  [[nodiscard]] bool is_due(Seconds now) const { return is_pending && not_before <= now; }
};

struct Plan {
  IssueReason issue = IssueReason::none;
  Seconds not_before = 0;  // with a reason: an attempt waits until then, after failures
  // An install entry lacks the chain that is there, a service may not have loaded it, or a key is left to put
  // away.
  PendingStep deploy;
  // Only when it is installed and loaded:
  PendingStep verify;      // what is served has not been compared
  PendingStep hook;        // the `deployed` command has not succeeded
  bool must_look = false;  // an installed pair is not as it was seen last: what that means, the broker says
  [[nodiscard]] bool issues_at(Seconds now) const { return issue != IssueReason::none && not_before <= now; }
  [[nodiscard]] bool needs_broker(Seconds now) const {
    return issues_at(now) || deploy.is_due(now) || must_look;
  }
  [[nodiscard]] bool has_work(Seconds now) const {
    return needs_broker(now) || verify.is_due(now) || hook.is_due(now);
  }
  [[nodiscard]] bool is_deployed() const {
    return !deploy.is_pending && !verify.is_pending && !hook.is_pending;
  }
  /// The first moment of one of the steps; only when it is not deployed.
  [[nodiscard]] Seconds deployment_goes_on() const;
};

enum class Force : std::uint8_t {
  no,
  now,  // wait for nothing after failures
  yes,  // nor for its being due
};

[[nodiscard]] Plan plan_for(const CertificateConfig& certificate, const CertificateState& state, Seconds now,
                            Force force);

/// From when on it is renewed: as the CA suggests, or by its lifetime; with a `renew at`, whichever of that
/// and of what the CA suggests comes first.
[[nodiscard]] Seconds renewal_of(const CertificateConfig& certificate, const IssuedCertificate& issued);

/// Looks at the files of the installed pairs: a few system calls for each.
[[nodiscard]] bool has_changed_on_disk(const CertificateConfig& certificate, const CertificateState& state);

/// Until when a plan without work stays one without work, as long as nothing is changed.
[[nodiscard]] Seconds next_work(const CertificateConfig& certificate, const Plan& plan,
                                const CertificateState& state);

/// What the state directory keeps of certificates that the configuration does not have.
[[nodiscard]] std::vector<std::string> removed_certificates(const Config& config, const Store& store);

/// The install entries of the configuration that do not hold the chain yet.
[[nodiscard]] std::vector<std::string> missing_installs(const CertificateConfig& certificate,
                                                        const IssuedCertificate& issued);

}  // namespace certlatch
