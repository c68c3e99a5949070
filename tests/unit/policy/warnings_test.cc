// SPDX-License-Identifier: MIT
// What is legal but dangerous is warned of, at its line.
#include "policy/tool/warnings.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/policy/policy_text.h"

using namespace certlatch;
namespace fs = std::filesystem;

namespace {

// A sound policy that nothing is to be said against.
const std::string kCareful = with_line(9, "at most = 1h\nper day = 24");

std::string warnings_in(std::string_view text) {
  std::string all;
  for (const Fault& warning : warnings_for(sound(text))) all += warning.text() + "\n";
  return all;
}

class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = "/root/certlatch-warnings-XXXXXX";
    path = mkdtemp(pattern.data());
  }
  ~TempDirectory() { fs::remove_all(path); }
  TempDirectory(const TempDirectory&) = delete;
  fs::path path;
};

}  // namespace

TEST_CASE("a careful policy is not warned of") { CHECK(warnings_in(kCareful).empty()); }

TEST_CASE("a long lease and one without a budget are warned of") {
  CHECK(warnings_in(with_line(9, "at most = 2h")) ==
        "p:4: [open http] may stay open for 2 hours; a challenge takes seconds\n"
        "p:4: [open http] has no `per day`: a worker that was taken over could keep the port open all day, "
        "one lease "
        "after the other\n");
}

TEST_CASE("a wildcard right below a top-level domain is warned of") {
  CHECK(warnings_in(with_line(12, "names = *.org", kCareful)) ==
        "p:12: `*.org` covers every name right below a top-level domain\n");
}

TEST_CASE("an owner that is neither root nor the broker is warned of") {
  CHECK(warnings_in(with_line(14, "owner = www-data:www-data", kCareful))
            .starts_with("p:11: [install example.org] makes www-data the owner of its files, who can then "
                         "change them; let root own"));
  CHECK(warnings_in(with_line(14, "owner = certlatch-broker:ssl-cert", kCareful)).empty());
}

TEST_CASE("a restart without a check is warned of, a reload is not") {
  CHECK(warnings_in(with_line(18, "restart = a.service", with_line(19, "", kCareful))) ==
        "p:17: [service nginx] restarts without a `check`: with a configuration that is not sound, the "
        "service would "
        "not come back\n");
  CHECK(warnings_in(with_line(18, "command = /usr/sbin/service nginx restart", with_line(19, "", kCareful)))
            .starts_with("p:17: [service nginx] restarts without a `check`"));
  CHECK(warnings_in(with_line(18, "command = /usr/sbin/service nginx reload", with_line(19, "", kCareful)))
            .empty());
  CHECK(warnings_in(with_line(19, "", kCareful)).empty());
}

TEST_CASE("a service that no install names is warned of") {
  CHECK(warnings_in(with_line(16, "", kCareful)) ==
        "p:17: no [install] names [service nginx], yet the worker may ask for it\n");
}

TEST_CASE("a shell is warned of, whatever its path") {
  CHECK(warnings_in(with_line(18, "command = /usr/bin/sh -c 'nginx -s reload'", kCareful)) ==
        "p:17: `/usr/bin/sh` runs what its arguments say, as root: name the program itself\n");
}

TEST_CASE("best effort is warned of") {
  CHECK(warnings_in(with_line(3, "audit = /var/log/a\nconfinement = best effort", kCareful))
            .contains("best effort"));
}

TEST_CASE("a program, a directory and a log that others can change are warned of") {
  const TempDirectory open;
  chmod(open.path.c_str(), 0777);
  std::ofstream(open.path / "check");
  CHECK(weak_point(open.path / "check") == open.path);
  CHECK(weak_point(open.path / "not" / "there") == open.path);
  CHECK(warnings_in(with_line(19, fmt::format("check = {}/check", open.path.string()), kCareful)) ==
        fmt::format("p:19: {} can be changed by others than root: it runs as root\n", open.path.string()));
  CHECK(warnings_in(with_line(13, fmt::format("directory = {}/d", open.path.string()), kCareful))
            .contains("they could put a directory of their own"));
  CHECK(warnings_in(with_line(3, fmt::format("audit = {}/log", open.path.string()), kCareful))
            .contains("they could remove"));
  CHECK(
      warnings_in(with_line(15, fmt::format("mode = 0640\ntrust = {}/ca.pem", open.path.string()), kCareful))
          .contains("they could say which CA"));
}

TEST_CASE("a weakness is seen through a link") {
  const TempDirectory safe;
  const TempDirectory open;
  std::ofstream(open.path / "program");
  CHECK(chown((open.path / "program").c_str(), 65534, 65534) == 0);
  fs::create_symlink(open.path / "program", safe.path / "link");
  CHECK(weak_point(safe.path / "link") == open.path / "program");
  CHECK(weak_point(safe.path).empty());
}
