// SPDX-License-Identifier: MIT
// The broker's side of the inspector: a process without privilege, file system or network, which parses keys
// and certificates with OpenSSL so that neither root nor the broker ever does. It is started with each
// entry's `trust` file, says an empty verdict once it is confined, and then is handed Install requests.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "broker/helper_process.h"
#include "policy/policy.h"
#include "protocol/messages.h"

namespace certlatch {

struct Verdict {
  std::vector<std::string> names;  // all that it may be taken for, as they stand there: the policy judges
  std::int64_t not_after = 0;      // of the leaf, seconds since 1970
  std::uint32_t leaf_bytes = 0;    // the chain's first so many bytes are the leaf's PEM
  std::string refusal;             // why not; then the others are empty
  void serialize(auto& archive) { archive(names, not_after, leaf_bytes, refusal); }
};

/// As root, before confinement: starts `program` (certlatch-inspector) and sheds every privilege in it.
[[nodiscard]] Result<HelperProcess> start_inspector(const std::string& program, const Policy& policy);

/// Does the request's key fit its chain's leaf, does the chain link, do the dates hold now, does it lead to
/// the entry's trust? Kind::refused with the reason when not; Kind::closed when the inspector has died: the
/// broker must then end, its socket starts a fresh one.
[[nodiscard]] Result<Verdict> inspect(HelperProcess& inspector, const Install& request, const Wait& wait);

/// The same without the process, for whoever asks.
using Inspector = std::function<Result<Verdict>(const Install& request, const Wait&)>;

}  // namespace certlatch
