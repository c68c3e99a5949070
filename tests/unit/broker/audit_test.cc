// SPDX-License-Identifier: MIT
// The log: one line a decision, whatever a request holds.
#include "broker/audit.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "policy/audit_chain.h"
#include "tests/unit/install/scratch.h"

namespace certlatch {
namespace {

std::string link_of(std::string_view line) { return std::string(line.substr(line.size() - kChainDigits)); }

using namespace test;

AuditEvent event() {
  return {"open http", Outcome::refused,    ucred{4711, 997, 0},
          7,           "port 80 is in use", RefusalReason::conflict};
}

TEST_CASE("a decision is one logfmt line") {
  CHECK(audit_line(event(), 1'738'324'800'123) ==
        "time=2025-01-31T12:00:00.123Z what=\"open http\" outcome=refused uid=997 pid=4711 reason=conflict "
        "line=7 detail=\"port 80 is in use\"");
  CHECK(audit_line({"broker", Outcome::started}, 0) ==
        "time=1970-01-01T00:00:00.000Z what=\"broker\" outcome=started");
}

TEST_CASE("nothing in a request ends the value, the line, or a terminal's state") {
  auto hostile = event();
  hostile.what = "open x\" outcome=allowed\n\x1b[2J\xc3\xa4\\";
  const auto line = audit_line(hostile, 0);
  CHECK(line.find("what=\"open x\\\" outcome=allowed\\x0a\\x1b[2J\\xc3\\xa4\\\\\" outcome=refused") !=
        std::string::npos);
  CHECK(std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; }));
}

TEST_CASE("a line is bounded") {
  auto hostile = event();
  hostile.what = std::string(60'000, '\n');
  hostile.detail = std::string(60'000, '\n');
  CHECK(audit_line(hostile, 0).size() < 4096);
}

TEST_CASE("lines are appended, one after the other") {
  const Scratch scratch;
  for (int i = 0; i < 2; ++i) {
    auto audit = Audit::open(scratch / "log", {});
    REQUIRE(audit);
    CHECK(audit->write(event()));
  }
  const auto text = contents_of(scratch / "log");
  CHECK(std::ranges::count(text, '\n') == 2);
  struct stat status {};
  REQUIRE(::stat((scratch / "log").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
}

TEST_CASE("each line continues the one before it, over a new broker, a cut line and a rotation") {
  const Scratch scratch;
  const auto log = scratch / "log";
  std::string previous;
  const auto write_one = [&] {
    auto audit = Audit::open(log, {});
    REQUIRE(audit);
    REQUIRE(audit->write(event()));
    const auto text = contents_of(log);
    const auto line = text.substr(text.rfind('\n', text.size() - 2) + 1);
    const auto bare = line.substr(0, line.rfind(" chain="));
    CHECK(chained(previous, bare) + "\n" == line);
    previous = last_chain(text);
  };
  write_one();
  write_one();
  write_file(log, contents_of(log) + "time=cut");
  write_one();
  CHECK(std::ranges::count(contents_of(log), '\n') == 4);
  std::filesystem::rename(log, scratch / "log.1");
  write_one();
  write_one();
}

TEST_CASE("a missing directory is named, with what to do") {
  const Scratch scratch;
  const auto audit = Audit::open(scratch / "none/log", {});
  REQUIRE(!audit);
  CHECK(audit.error().message.find("install -d -m 0755 " + (scratch / "none")) != std::string::npos);
}

TEST_CASE("a log that others may write to, a link and a directory are refused") {
  const Scratch scratch;
  write_file(scratch / "open", "");
  REQUIRE(::chmod((scratch / "open").c_str(), 0666) == 0);
  CHECK_FALSE(Audit::open(scratch / "open", {}));
  write_file(scratch / "foreign", "");
  REQUIRE(::chown((scratch / "foreign").c_str(), 65534, 65534) == 0);
  CHECK_FALSE(Audit::open(scratch / "foreign", {}));
  std::filesystem::create_symlink("elsewhere", scratch / "link");
  CHECK_FALSE(Audit::open(scratch / "link", {}));
  CHECK_FALSE(Audit::open(scratch.path(), {}));
}

TEST_CASE("a line that is not written whole is an error, and damages no other line") {
  const Scratch scratch;
  const pid_t child = ::fork();
  if (child == 0) {
    auto audit = Audit::open(scratch / "log", {});
    if (!audit || !audit->write(event())) ::_exit(1);
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur =
        std::filesystem::file_size(scratch / "log") + 20;  // the disk is full in the middle of a line
    ::setrlimit(RLIMIT_FSIZE, &limit);
    if (audit->write(event())) ::_exit(2);
    if (audit->write(event())) ::_exit(3);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(audit->write(event()) ? 0 : 4);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  const auto text = contents_of(scratch / "log");
  CHECK(std::ranges::count(text, '\n') == 3);
  const auto last = text.substr(text.rfind('\n', text.size() - 2) + 1);
  CHECK(last.starts_with("time="));
  CHECK(chained(link_of(text.substr(0, text.find('\n'))), last.substr(0, last.rfind(" chain="))) + "\n" ==
        last);
}

}  // namespace
}  // namespace certlatch
