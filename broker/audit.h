// SPDX-License-Identifier: MIT
// The log of decisions: one logfmt line each, appended with one write() before the act that it allows. New
// fields are added before the last, which links the line to the one before it (policy/audit_chain.h).
//
//   time=2025-01-31T12:00:00.123Z what="open http" outcome=refused uid=997 pid=4711 reason=policy line=7
//   detail="..." chain=0123456789abcdef0123456789abcdef
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>

#include "protocol/messages.h"
#include "protocol/result.h"
#include "protocol/unique_fd.h"

namespace certlatch {

/// `allowed` by the policy and its budgets, and the act follows; `done`: it is complete. `refused`: nothing
/// was done, or it was undone, and `reason` says why. `ended`: a connection, with what it held. `violation`
/// of the protocol, which ended the connection. `started` and `stopped`: the broker. `note`: of something
/// that happened by itself.
enum class Outcome : std::uint8_t { allowed, done, refused, ended, violation, started, stopped, note };

struct AuditEvent {
  std::string what;  // "open http", "connection", "broker"; may quote a request, and is cut and escaped
  Outcome outcome = Outcome::note;
  std::optional<ucred> peer;
  std::uint32_t line = 0;  // of the policy; 0: none
  std::string detail;      // likewise cut and escaped
  std::optional<RefusalReason> reason;
};

/// Without a line feed; at most about 2 KiB whatever `event` holds. `milliseconds` since 1970.
[[nodiscard]] std::string audit_line(const AuditEvent& event, std::int64_t milliseconds);

/// What the broker was started with to be heard by: each may be absent.
struct SystemLog {
  UniqueFd syslog;  // a connected datagram socket
  bool to_stderr = false;
  /// Connects to /dev/log. Must happen before confinement, which takes connect() away: when the log daemon is
  /// restarted, a broker that already runs is no longer heard there.
  static SystemLog open(bool to_stderr);
  void write(std::string_view text) const;
};

struct Audit {
  UniqueFd file;
  SystemLog system_log;
  std::string chain = {};     // the last line's link
  bool line_is_open = false;  // the file took only a part of the last line

  /// Opens `path` to append, made with 0640 root:adm when it is missing. One that anyone but root may write
  /// to is refused. Goes on with the chain of its last line, or of `path`.1 when it was just rotated.
  static Result<Audit> open(const std::string& path, SystemLog system_log);

  /// One line, to the file and to the system log. An error says that the file did not take it: what it allows
  /// must then not be done.
  Result<void> write(const AuditEvent& event);
};

}  // namespace certlatch
