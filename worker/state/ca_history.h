// SPDX-License-Identifier: MIT
// What was asked of a CA lately, kept across runs, and held against what it allows: so that a mistake here (a
// certificate that is lost again and again, a name that cannot be validated) does not use up for a week what
// the CA gives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.h"
#include "worker/state/schedule.h"

namespace certlatch {

/// 0: none. The defaults keep within Let's Encrypt's; those of most others are wider. What a CA allows for a
/// registered domain is not counted: only a list of all suffixes tells where one begins, and other hosts use
/// it up as well.
struct CaLimits {
  std::uint32_t orders_per_hour = 100;  // on an average of three, which may all come at once
  std::uint32_t same_names_per_week = 5;
  std::uint32_t failures_per_hour = 5;  // of one name
  bool operator==(const CaLimits&) const = default;
};

struct CaHistory {
  struct Issued {
    Seconds at = 0;
    Digest names{};  // digest_of_names()
    bool operator==(const Issued&) const = default;
  };
  struct Failed {
    Seconds at = 0;
    std::string name;
    bool operator==(const Failed&) const = default;
  };
  std::vector<Seconds> orders;
  std::vector<Issued> issued;
  std::vector<Failed> failed;  // validations
  bool operator==(const CaHistory&) const = default;

  /// Forgets what no limit is about any more, and what lies ahead of a clock that was set back.
  void forget_before(Seconds now);
};

/// In whatever order they are.
[[nodiscard]] Digest digest_of_names(std::vector<std::string> names);

/// Why no certificate for these names may be asked for now, and from when on one may: "5 certificates ... ";
/// nothing when it may. `is_renewal`: the CA itself said when, and counts it for nothing (RFC 9773).
[[nodiscard]] std::optional<std::string> refusal_of(const CaHistory& history, const CaLimits& limits,
                                                    const std::vector<std::string>& names, bool is_renewal,
                                                    Seconds now);

[[nodiscard]] std::string history_text(const CaHistory& history);
/// What is not understood is left out.
[[nodiscard]] CaHistory ca_history_from(std::string_view text);

}  // namespace certlatch
