// SPDX-License-Identifier: MIT
// The armour of a downloaded chain (RFC 8555, section 9.1; RFC 7468). What it holds is judged where it is
// installed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace certlatch {

// It must fit into an Install frame beside its key.
inline constexpr std::size_t kMaxChainBytes = 48 * 1024;

/// The certificates of `body`, from the first "-----BEGIN" on, with a newline at the end of every line.
/// Kind::invalid when there is none, when anything but CERTIFICATE blocks and white space is there, or when
/// it is too long.
[[nodiscard]] Result<std::string> chain_text(std::string_view body);

}  // namespace certlatch
