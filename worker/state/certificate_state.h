// SPDX-License-Identifier: MIT
// What is remembered of a certificate between two runs, and its text on disk (docs/certlatch.1, FILES): the
// line `certlatch-state 1`, then lines of a key, a blank and a value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.h"
#include "protocol/result.h"
#include "worker/state/schedule.h"

namespace certlatch {

/// An order that a later run may go on with.
struct PendingOrder {
  std::string ca;
  std::string url;
  std::vector<std::string> names;
  bool operator==(const PendingOrder&) const = default;
};

/// What the CA said last about when to renew (RFC 9773).
struct SuggestedRenewal {
  Seconds start = 0;  // of its window
  Seconds end = 0;
  Seconds at = 0;  // the moment within it that was drawn
  bool operator==(const SuggestedRenewal&) const = default;
};

/// How an installed pair looked when the broker last called it whole.
struct LivePair {
  std::string entry;
  std::string directory;
  Digest seen{};  // look_at_live_pair()
  bool operator==(const LivePair&) const = default;
};

/// The chain that chain.pem holds.
struct IssuedCertificate {
  std::string ca;
  std::vector<std::string> names;  // as they were asked for
  Seconds issued = 0;
  Seconds not_before = 0;
  Seconds not_after = 0;
  Digest fingerprint{};                // BLAKE2b-256 of chain.pem
  std::vector<std::string> installed;  // the policy's entries that hold it
  std::vector<LivePair> live;          // of those
  bool services_pending = false;       // installed, but a service may not have loaded it yet
  std::string renewal_id;              // its name in the CA's renewal information, or empty
  std::optional<SuggestedRenewal> suggested;
  Seconds ask_again = 0;        // when the CA is asked for renewal information
  bool verify_pending = false;  // what is served has not been compared since
  bool hook_pending = false;    // the `deployed` command has not succeeded since
  bool operator==(const IssuedCertificate&) const = default;
};

/// Attempts at one step that came to nothing, since the last that did not.
struct Failures {
  std::uint32_t count = 0;
  Seconds last = 0;
  std::string reason = {};  // of the last
  bool operator==(const Failures&) const = default;
};

/// A CA that wants to be left alone with this certificate.
struct CaWait {
  std::string ca;
  Seconds until = 0;
  bool operator==(const CaWait&) const = default;
};

struct CertificateState {
  std::optional<IssuedCertificate> issued;
  std::optional<PendingOrder> order;
  bool key_is_kept = false;  // the keeper may still have a private key for it
  // Each step has its own, so that none hides how often another has failed.
  Failures failures;          // to get a certificate
  Failures before;            // the `before` command
  Failures deployment;        // installs and restarts
  Failures verification;      // what is served is not what was installed
  Failures hook;              // the `deployed` command
  std::vector<CaWait> waits;  // one for each CA at most
  Failures
      repairs;  // certificates that were asked for since an installed pair had gone, since the last renewal
  std::string last_error;    // what went wrong last, and has not gone right since; empty when all went well
  Seconds last_problem = 0;  // when there last was one
  bool operator==(const CertificateState&) const = default;

  /// What `last_error` says is then what another step has failed with and not made good yet, or nothing.
  void succeed(Failures CertificateState::*step);
};

/// A step that may fail, by the name that files and programs know it by.
struct Step {
  std::string_view name;
  Failures CertificateState::*failures;
};
/// In their order within a run.
extern const std::array<Step, 5> kSteps;

/// Until when the CA is left alone; 0 when it did not ask for it.
[[nodiscard]] Seconds wait_of(const CertificateState& state, std::string_view ca);
void set_wait(CertificateState& state, const std::string& ca, Seconds until);

[[nodiscard]] std::string text_of(const CertificateState& state);
/// Whole or not at all: Kind::invalid with the line ("line 3 is not understood").
[[nodiscard]] Result<CertificateState> certificate_state_from(std::string_view text);

}  // namespace certlatch
