// SPDX-License-Identifier: MIT
// The program as it is called: options, exit codes, and what goes to which stream.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "tests/unit/worker/own_directory.h"
#include "worker/state/live_pair.h"
#include "worker/state/store.h"

using namespace certlatch;

namespace {

struct Called {
  int status = -1;
  std::string out, err;
};

struct Place {
  OwnDirectory directory;
  std::string config = directory.path + "/certlatch.conf", state = directory.path + "/state";

  Place() {
    directory.write("certlatch.conf",
                    "[ca le]\ndirectory = https://ca.test/dir\n"
                    "[certificate a]\nnames = a.example\nca = le\nopening = http\ninstall = one\n");
  }
  [[nodiscard]] Called call(const std::string& arguments) const {
    const std::string out = directory.path + "/out", err = directory.path + "/err";
    const int status =
        std::system(fmt::format("{} {} >{} 2>{} </dev/null", CERTLATCH_PROGRAM, arguments, out, err).c_str());
    return {WEXITSTATUS(status), directory.read("out"), directory.read("err")};
  }
  [[nodiscard]] std::string paths() const {
    return fmt::format("--config {} --state {} --socket {}/none.sock", config, state, directory.path);
  }
  /// As an earlier run would have left it: issued an hour ago for ninety days, installed.
  [[nodiscard]] Store settled() const {
    auto store = Store::open(state).value();
    CertificateState certificate;
    const Seconds now = std::time(nullptr);
    certificate.issued = IssuedCertificate{.ca = "le",
                                           .names = {"a.example"},
                                           .issued = now,
                                           .not_before = now - 3600,
                                           .not_after = now + 90 * 24 * 3600 - 60,
                                           .fingerprint = digest_of("chain"),
                                           .installed = {"one"},
                                           .live = {{"one", "/nowhere", look_at_live_pair("/nowhere")}}};
    REQUIRE(store.save_chain("a", "chain"));
    REQUIRE(store.save("a", certificate));
    return store;
  }
};

}  // namespace

TEST_CASE("nothing due: exit 0, not a word, and no broker is needed") {
  const Place place;
  const auto store = place.settled();
  for (const char* options : {"renew", "renew a", "renew --changed"}) {
    const auto called = place.call(place.paths() + " " + options);
    CHECK(called.status == 0);
    CHECK(called.out + called.err == "");
  }
}

TEST_CASE("options are taken before and after the command") {
  const Place place;
  const auto store = place.settled();
  CHECK(place.call("renew " + place.paths()).status == 0);
  CHECK(place.call(fmt::format("--config {} renew --state {} a", place.config, place.state)).status == 0);
  CHECK(place.call("status " + place.paths() + " --offline --json a").status == 0);
}

TEST_CASE("no broker: exit 3, said on standard error alone") {
  const Place place;
  const auto called = place.call(place.paths() + " renew --quiet");
  CHECK(called.status == 3);
  CHECK(called.out.empty());
  CHECK(called.err ==
        fmt::format("certlatch: there is no broker at {}/none.sock: is certlatchd.socket started?\n",
                    place.directory.path));
}

TEST_CASE("another run: exit 75") {
  const Place place;
  const auto store = place.settled();
  const auto lock = store.lock();
  REQUIRE(lock);
  const auto called = place.call(place.paths() + " renew");
  CHECK(called.status == 75);
  CHECK(called.err ==
        fmt::format("certlatch: another certlatch is at work: it holds {}/lock\n", place.state));
  CHECK(place.call(place.paths() + " status --offline").status == 0);
}

TEST_CASE("a wrong configuration: exit 2 and every fault with its line") {
  const Place place;
  place.directory.write("certlatch.conf", "[worker]\nparallel = 0\ncolor = red\n");
  const auto called = place.call(place.paths() + " renew");
  CHECK(called.status == 2);
  CHECK(called.err ==
        fmt::format("{0}:2: `parallel` is a number from 1 to 64\n{0}:3: `color` is not a key of [worker]\n",
                    place.config));
  CHECK_FALSE(std::filesystem::exists(place.state));
}

TEST_CASE("a wrong command line: exit 2") {
  const Place place;
  for (const char* arguments : {"", "renew --no-such", "frobnicate", "--quiet --verbose renew", "delete"})
    CHECK_MESSAGE(place.call(place.paths() + " " + arguments).status == 2, arguments);
  const auto called = place.call(place.paths() + " renew a b");
  CHECK(called.status == 2);
  CHECK(called.err == fmt::format("certlatch: {} has no [certificate b]\n", place.config));
}

TEST_CASE("a word that is no command is named, with those that it may have been meant for") {
  const Place place;
  const auto says = [&](const char* arguments) {
    const auto called = place.call(place.paths() + " " + arguments);
    CHECK(called.status == 2);
    CHECK(called.out == "");
    return called.err;
  };
  CHECK(says("renwe") == "certlatch: there is no command `certlatch renwe`; did you mean `renew`?\n");
  CHECK(says("re a") == "certlatch: there is no command `certlatch re`; did you mean `renew` or `revoke`?\n");
  CHECK(says("account shwo") ==
        "certlatch: there is no command `certlatch account shwo`; did you mean `show`?\n");
  CHECK(says("frobnicate").contains("no command `certlatch frobnicate`; there are renew, status, "));
  CHECK(says("--frob") == "certlatch: there is no option `--frob`; `certlatch --help` lists them\n");
  CHECK(says("").contains("subcommand is required"));
}

TEST_CASE("help and version go to standard output, and only what works is listed") {
  const Place place;
  CHECK(place.call("--version").out == "certlatch " CERTLATCH_VERSION "\n");
  const auto help = place.call("--help");
  CHECK(help.status == 0);
  for (const char* word : {"renew", "status", "doctor", "verify", "list", "new", "delete", "--config",
                           "--state", "--socket", "--quiet", "--verbose"})
    CHECK(help.out.contains(word));
  for (const char* usual :
       {"/etc/certlatch/certlatch.conf", "/var/lib/certlatch", "/run/certlatch/broker.sock"})
    CHECK(help.out.contains(usual));
  CHECK_FALSE(help.out.contains("role"));
}

TEST_CASE("a state directory that cannot be used: exit 1") {
  const Place place;
  std::filesystem::create_directory(place.state);
  std::filesystem::permissions(place.state, std::filesystem::perms(0755));
  const auto called = place.call(place.paths() + " renew");
  CHECK(called.status == 1);
  CHECK(called.err.contains("is open to others (mode 0755): chmod 0700"));
}

TEST_CASE("status tells of a damaged state, and exits 1") {
  const Place place;
  const auto store = place.settled();
  CHECK(place.call(place.paths() + " status --offline").out.contains("89 days left"));
  place.directory.write("state/certificates/a/state", "nonsense\n");
  const auto called = place.call(place.paths() + " status --offline");
  CHECK(called.status == 1);
  CHECK(called.out.contains("line 1 is not understood"));
}

TEST_CASE("new: what is wrong with an argument is said of the argument, and no file is made for it") {
  const Place place;
  const auto before = place.directory.read("certlatch.conf");
  const auto says = [&](std::string_view arguments) {
    const auto called = place.call(fmt::format("{} new {}", place.paths(), arguments));
    CHECK(called.status == 2);
    CHECK(called.out == "");
    return called.err;
  };
  CHECK(says("example") == "certlatch: `example` is not a full host name: no CA issues for it\n");
  CHECK(says("b.example b_c.example").contains("`b_c.example` has a character other than"));
  CHECK(says("b.example B.example") == "certlatch: `B.example` is named twice\n");
  CHECK(
      says("2001:db8::1")
          .contains("`2001:db8::1`, as the first of the names, would be the section's: it has a character"));
  CHECK(says("b.example --opening a/b").contains("`--opening a/b`: the name has a character"));
  CHECK(says("b.example --ca no").ends_with(fmt::format("certlatch: {} has no [ca no]\n", place.config)));
  CHECK(says("b.example --dns no").ends_with(fmt::format("certlatch: {} has no [dns no]\n", place.config)));
  CHECK(says("'*.b.example'")
            .contains("a wildcard is proven by `challenge = dns-01` alone: write a [dns NAME] section"));
  CHECK(place.directory.read("certlatch.conf") == before);
  CHECK(place.call(fmt::format("--config {}/other.conf new example", place.directory.path)).status == 2);
  CHECK_FALSE(std::filesystem::exists(place.directory.path + "/other.conf"));
}

TEST_CASE("new: a wildcard is proven by the [dns] that there is, and lines are as short as they must be") {
  const Place place;
  place.directory.write("certlatch.conf",
                        place.directory.read("certlatch.conf") +
                            "[dns zone]\nprovider = command\nadd = /bin/true\nremove = /bin/true\n");
  std::string names = "'*.b.example'";
  for (int i = 0; i < 40; ++i) names += fmt::format(" host-with-a-long-name-{}.b.example", i);
  const auto called = place.call(fmt::format("{} new {} --service nginx", place.paths(), names));
  CHECK(called.status == 0);
  CHECK(called.out.contains("[certificate b.example]"));
  CHECK(called.out.contains("challenge = dns-01\ndns       = zone\ninstall   = b.example\n"));
  CHECK_FALSE(called.out.contains("[open"));
  CHECK(place.call(place.paths() + " list").out.contains("b.example\t"));
  place.directory.write("certlatch.conf",
                        place.directory.read("certlatch.conf") +
                            "[dns other]\nprovider = command\nadd = /bin/true\nremove = /bin/true\n");
  CHECK(place.call(place.paths() + " new '*.c.example'")
            .err.contains("which [dns] proves a wildcard: zone, other"));
  CHECK(place.call(place.paths() + " new '*.c.example' --dns other --print")
            .out.contains("dns       = other\n"));
  // Not wildcards alone.
  CHECK(place.call(place.paths() + " new d.example --dns zone --print").out.contains("challenge = dns-01\n"));
}

TEST_CASE("new: --quiet says nothing when all is well") {
  const Place place;
  const auto store = place.settled();
  const auto called = place.call(place.paths() + " new b.example --quiet");
  CHECK(called.status == 0);
  CHECK(called.out == "");
  CHECK(place.directory.read("certlatch.conf").contains("[certificate b.example]"));
}
