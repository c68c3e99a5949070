// SPDX-License-Identifier: MIT
// What a CA sent, made fit to be shown to a person: on a terminal, in a mail from cron, in a journal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace certlatch {

/// `text` as printable UTF-8 of at most `max_bytes` (at least 3). Runs of white space become one blank;
/// control characters, characters that turn the direction of writing, and what is not UTF-8 become "?".
/// Shortened text ends in "...".
std::string printable(std::string_view text, std::size_t max_bytes);

}  // namespace certlatch
