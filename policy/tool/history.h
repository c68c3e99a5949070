// SPDX-License-Identifier: MIT
// The audit log, read: is it whole, and what does it say?
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/ini_file.h"

namespace certlatch {

struct LogFile {
  std::string name;
  std::string text;
};

struct LogEntry {
  std::string file;
  unsigned line = 0;
  bool is_whole = false;                                    // it continues the chain
  std::vector<std::pair<std::string, std::string>> fields;  // as written, without quotes, still escaped
};

struct History {
  std::vector<LogEntry> entries;
  std::vector<Fault> faults;   // in the order of the lines
  bool has_beginning = false;  // of all; otherwise an earlier file was not given
  std::string end;             // the last line's digits, to compare with the system log
};

/// `files` are one log, the oldest first, as rotation cut it.
[[nodiscard]] History read_history(const std::vector<LogFile>& files);
/// A line each, for a terminal.
[[nodiscard]] std::string page_of(const History& history);

}  // namespace certlatch
