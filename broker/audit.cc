// SPDX-License-Identifier: MIT
#include "broker/audit.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "policy/audit_chain.h"
#include "policy/policy.h"

namespace certlatch {
namespace {

constexpr std::size_t kMaxValueBytes = 400;

constexpr std::array kOutcomes = {"allowed",   "done",    "refused", "ended",
                                  "violation", "started", "stopped", "note"};
constexpr std::array kReasons = {"policy", "budget", "conflict", "pair", "check", "command", "host"};

/// In quotes, with everything escaped that could end the value, the line, or a terminal's patience.
std::string in_quotes(std::string_view value) {
  std::string text = "\"";
  for (const char c : value.substr(0, kMaxValueBytes)) {
    if (c == '"' || c == '\\') text += '\\';
    text +=
        c >= ' ' && c <= '~' ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return text + (value.size() > kMaxValueBytes ? "...\"" : "\"");
}

/// Enough of a log's end for a line of any length. One that cannot be read ends in nothing.
std::string end_of(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  std::string end(4096, '\0');
  const auto from = std::max<off_t>(::lseek(file.get(), 0, SEEK_END) - std::ssize(end), 0);
  const auto got = ::pread(file.get(), end.data(), end.size(), from);
  return end.substr(0, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

}  // namespace

std::string audit_line(const AuditEvent& event, std::int64_t milliseconds) {
  const auto second = fmt::gmtime(static_cast<std::time_t>(milliseconds / 1000));
  std::string line =
      fmt::format("time={:%FT%T}.{:03}Z what={} outcome={}", second, milliseconds % 1000,
                  in_quotes(event.what), kOutcomes.at(static_cast<std::size_t>(event.outcome)));
  if (event.peer) line += fmt::format(" uid={} pid={}", event.peer->uid, event.peer->pid);
  if (event.reason) line += fmt::format(" reason={}", kReasons.at(static_cast<std::size_t>(*event.reason)));
  if (event.line != 0) line += fmt::format(" line={}", event.line);
  if (!event.detail.empty()) line += " detail=" + in_quotes(event.detail);
  return line;
}

SystemLog SystemLog::open(bool to_stderr) {
  SystemLog log{UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), to_stderr};
  const sockaddr_un address{AF_UNIX, "/dev/log"};
  // When nobody is there, what is sent goes nowhere.
  (void)::connect(log.syslog.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return log;
}

void SystemLog::write(std::string_view text) const {
  const auto message = fmt::format("<{}>certlatchd[{}]: {}", LOG_DAEMON | LOG_NOTICE, ::getpid(), text);
  (void)::send(syslog.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  // Not by stdio: its first use of a terminal or device asks ioctl(TCGETS), which confinement forbids.
  const auto line = fmt::format("certlatchd: {}\n", text);
  if (to_stderr) (void)!::write(STDERR_FILENO, line.data(), line.size());  // or there is nobody left to tell
}

Result<Audit> Audit::open(const std::string& path, SystemLog system_log) {
  const auto doing = "open the audit log " + path;
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640));
  if (!file.is_open() && errno == ENOENT)
    return fail(Error::invalid(doing + ": its directory does not exist; make it with: install -d -m 0755 " +
                               path.substr(0, path.rfind('/'))));
  if (!file.is_open()) return fail(Error::system(doing));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return fail(Error::invalid(doing + ": it is not a regular file"));
  TRY(check_trusted(status, path).in("the audit log"));
  const group* adm = ::getgrnam("adm");
  if (status.st_size == 0 && adm != nullptr && ::fchown(file.get(), 0, adm->gr_gid) != 0)
    return fail(Error::system("give the audit log " + path + " to the group adm"));
  Audit audit(std::move(file), std::move(system_log));
  for (const auto& part : {path + ".1", path}) {  // as rotation names it
    const auto end = end_of(part);
    if (const auto link = last_chain(end); !link.empty()) audit.chain = link;
    audit.line_is_open = !end.empty() && !end.ends_with('\n');
  }
  return audit;
}

Result<void> Audit::write(const AuditEvent& event) {
  using namespace std::chrono;
  const auto now = floor<milliseconds>(system_clock::now().time_since_epoch()).count();
  const auto line = chained(chain, audit_line(event, now));
  // What an earlier, cut line left behind is ended first, so that a damaged line damages no other.
  const auto record = (line_is_open ? "\n" : "") + line + '\n';
  system_log.write(line);
  struct stat found {};
  const bool is_gone = ::fstat(file.get(), &found) == 0 && found.st_nlink == 0;
  const auto written = is_gone ? 0 : ::write(file.get(), record.data(), record.size());
  if (written != std::ssize(record)) {
    auto error = is_gone
                     ? Error::invalid("the audit log was removed: restart certlatchd, which makes another")
                     : Error::system("write the audit log", written < 0 ? errno : ENOSPC);
    line_is_open |= written > 0;
    system_log.write(error.message);
    return fail(std::move(error));
  }
  line_is_open = false;
  chain = line.substr(line.size() - kChainDigits);
  return {};
}

}  // namespace certlatch
