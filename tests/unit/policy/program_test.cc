// SPDX-License-Identifier: MIT
// The program certlatch-policy: its commands, options and exit codes.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/unit/policy/own_network.h"
#include "tests/unit/policy/policy_text.h"

using namespace certlatch;
namespace fs = std::filesystem;

namespace {

struct Outcome {
  int code;
  std::string output;  // what it printed, faults included
};

Outcome run(const std::string& arguments, const std::string& errors = "2>&1") {
  FILE* pipe = popen((CERTLATCH_POLICY_PROGRAM " " + arguments + " " + errors).c_str(), "r");
  std::string text;
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

/// A policy in a file.
class Draft {
 public:
  explicit Draft(std::string_view text) {
    std::string pattern = "/tmp/certlatch-draft-XXXXXX";
    close(mkstemp(pattern.data()));
    path = pattern;
    std::ofstream(path) << text;
  }
  ~Draft() { fs::remove(path); }
  Draft(const Draft&) = delete;
  std::string path;
};

}  // namespace

TEST_CASE("check accepts the example") {
  const auto [code, output] = run("check " CERTLATCH_EXAMPLE_POLICY, "2>/dev/null");
  CHECK(code == 0);
  CHECK(output == CERTLATCH_EXAMPLE_POLICY ": sound, with 1 opening, 1 install and 2 services\n");
}

TEST_CASE("check --ruleset holds the openings against the ruleset in force, and exits 1") {
  const auto in_empty_ruleset = [](const std::string& arguments, const std::string& errors) {
    return in_own_network([&] {
      const auto [code, output] = run(arguments, errors);
      return fmt::format("{} {}", code, output);
    });
  };
  const Draft draft(kSoundPolicy);
  CHECK(in_empty_ruleset("check --quiet --ruleset " + draft.path, "2>&1")
            .starts_with(fmt::format("1 {}:8: [open http]: there can be no gate in inet filter input: the "
                                     "ruleset in force has no such chain: ",
                                     draft.path)));
  CHECK(
      in_empty_ruleset("check --json --ruleset " + draft.path, "2>/dev/null").contains("\"certain\": true"));
  CHECK_FALSE(in_empty_ruleset("check --json " + draft.path, "2>/dev/null").contains("openings"));
  const Draft open(with_line(8, "gate = none"));
  const auto said = in_empty_ruleset("check --ruleset " + open.path, "2>/dev/null");
  CHECK(said.starts_with("0 "));
  CHECK(said.ends_with("[open http]: the ruleset in force lets its connections through\n"));
}

TEST_CASE("check tells every fault and exits 2") {
  const Draft draft(with_line(5, "port = 0", with_line(14, "mode = 777")));
  const auto [code, output] = run("check " + draft.path);
  CHECK(code == 2);
  CHECK(output == fmt::format("{0}:5: `port`: `0` is not a number from 1 to 65535\n"
                              "{0}:14: `mode`: `777` is not a mode for a private key, such as 0640: its "
                              "owner may read and write it, its group read, others nothing\n",
                              draft.path));
  CHECK(run("--policy " + draft.path + " check").output == output);
  const auto json = run("check --json " + draft.path);
  CHECK(json.code == 2);
  CHECK(json.output.contains("\"sound\": false"));
  CHECK(json.output.contains("\"line\": 14"));
}

TEST_CASE("check warns, and exits 0 all the same") {
  const Draft draft(with_line(9, "at most = 24h"));
  const auto [code, output] = run("check " + draft.path);
  CHECK(code == 0);
  CHECK(output.contains(draft.path + ":4: warning: [open http] may stay open for 24 hours"));
  CHECK(run("check --json " + draft.path).output.contains("may stay open"));
}

TEST_CASE("a draft of anyone in any place can be checked") {
  const Draft draft(kSoundPolicy);
  constexpr unsigned kNobody = 65534;
  const std::string place = draft.path + ".d", file = place + "/policy.conf";
  fs::create_directory(place);
  CHECK(chmod(place.c_str(), 0777) == 0);
  fs::copy_file(draft.path, file);
  CHECK(chown(file.c_str(), kNobody, 0) == 0);
  CHECK(run("check " + file).code == 0);
  fs::create_symlink("policy.conf", place + "/link");
  CHECK(run("check " + place + "/link").code == 0);
  fs::remove_all(place);
}

TEST_CASE("a draft that is missing or no regular file is a fault, and a FIFO does not hang the reader") {
  const Draft draft("");
  fs::remove(draft.path);
  CHECK(run("check " + draft.path).output ==
        fmt::format("{0}: cannot open {0}: No such file or directory\n", draft.path));
  mkfifo(draft.path.c_str(), 0600);
  CHECK(run("check " + draft.path).output == fmt::format("{0}: {0} is not a regular file\n", draft.path));
}

TEST_CASE("every command refuses a policy with faults, or none") {
  const Draft draft("[x]\n");
  for (const char* command : {"explain", "ask open http", "rules", "gate"}) {
    CAPTURE(command);
    CHECK(run(fmt::format("{} --policy {}", command, draft.path)).code == 2);
    CHECK(run(fmt::format("{} --policy /nonexistent", command)).output ==
          "/nonexistent: cannot open /nonexistent: No such file or directory\n");
  }
}

TEST_CASE("ask exits 0 when it is allowed, 1 when it is refused, 2 when it is no question") {
  const std::string policy = " --policy " CERTLATCH_EXAMPLE_POLICY;
  CHECK(run("ask 'install example.org'" + policy).code == 0);
  CHECK(run("ask install example.org www.example.org" + policy).code == 0);
  CHECK(run("ask 'install example.org www.example.com'" + policy).code == 1);
  CHECK(run("ask open ssh" + policy).code == 1);
  CHECK(run("ask restart check" + policy).code == 1);
  CHECK(run("ask dance" + policy).code == 2);
  CHECK(run("ask --json open http" + policy).output.contains("\"allowed\": true"));
}

TEST_CASE("explain, rules and gate print a page") {
  const std::string policy = " --policy " CERTLATCH_EXAMPLE_POLICY;
  CHECK(run("explain" + policy).output.contains("Not possible"));
  CHECK(run("explain --json" + policy).output.contains("\"not_possible\""));
  CHECK(run("rules" + policy).output.contains("table inet certlatch"));
  CHECK(run("rules --json" + policy).output.contains("\"ruleset\": \"# What is in force"));
  CHECK(run("rules --json" + policy).output.contains("\"chain\": \"inet filter input\""));
  CHECK(run("gate" + policy).output.contains("ufw-before-input"));
  CHECK(run("gate --json" + policy).output.contains("\"ufw6\": \"-A ufw6-before-input"));
}

TEST_CASE("every command is silent with --quiet, on either side of it, and has the same exit status") {
  const Draft draft(with_line(9, "at most = 24h"));  // which is warned of
  for (const auto& [command, code] :
       {std::pair("check", 0), std::pair("explain --json", 0), std::pair("ask open http", 0),
        std::pair("ask open ssh", 1), std::pair("rules", 0), std::pair("gate", 0)}) {
    for (const auto& arguments : {fmt::format("--quiet {} --policy {}", command, draft.path),
                                  fmt::format("{} --quiet --policy {}", command, draft.path)}) {
      CAPTURE(arguments);
      CHECK(run(arguments).code == code);
      CHECK(run(arguments).output.empty());
    }
  }
  const Draft log("time=x what=y outcome=done\n");
  CHECK(run("audit --quiet " + log.path).code == 1);
  CHECK(run("audit --quiet " + log.path).output.contains(log.path + ":1: this line has no link"));
  CHECK(run("check --quiet /nonexistent").output.contains("cannot open"));
  CHECK(run("ask --quiet dance --policy " CERTLATCH_EXAMPLE_POLICY).output.contains("is no question"));
}

TEST_CASE("usage errors exit 2; help and version 0, before and after the command") {
  for (const char* arguments : {"", "dance", "check a b", "ask", "--nonsense check", "rules --jsn"}) {
    CAPTURE(arguments);
    CHECK(run(arguments).code == 2);
  }
  for (const char* arguments : {"--help", "check --help", "ask -h", "gate --help"}) {
    CAPTURE(arguments);
    CHECK(run(arguments).code == 0);
  }
  CHECK(run("--version").output == "certlatch-policy " CERTLATCH_VERSION "\n");
  CHECK(run("explain --version").output == "certlatch-policy " CERTLATCH_VERSION "\n");
}

TEST_CASE("an answer that cannot be written is a failure") {
  CHECK(run("explain --policy " CERTLATCH_EXAMPLE_POLICY " >/dev/full").code == 2);
}

TEST_CASE("help and manual name every command that exits 1") {
  const Draft log("time=x what=y outcome=done\n");
  CHECK(run("ask open ssh --policy " CERTLATCH_EXAMPLE_POLICY).code == 1);
  CHECK(run("audit " + log.path).code == 1);
  const auto help = run("--help").output;
  std::ifstream file(fs::path(CERTLATCH_EXAMPLE_POLICY).parent_path() / "../docs/certlatch-policy.1");
  const std::string manual(std::istreambuf_iterator<char>(file), {});
  const auto statuses = manual.substr(std::min(manual.find(".Sh EXIT STATUS"), manual.size()));
  const auto one = statuses.substr(0, statuses.find(".It 2"));
  for (const char* command : {"ask", "audit", "suggest"}) {
    CAPTURE(command);
    CHECK(help.contains(fmt::format("({})", command)));
    CHECK(one.contains(fmt::format(".Pq Cm {}", command)));
  }
}
