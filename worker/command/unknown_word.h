// SPDX-License-Identifier: MIT
// A command line without a command, or with one that does not exist: what is said about it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace certlatch {

/// Names the word that is no command, and those it may have been meant for. Empty when there is no such word:
/// then the parser's own sentence is as good.
[[nodiscard]] std::string sentence_about_unknown_word(const CLI::App& app);

}  // namespace certlatch
