// SPDX-License-Identifier: MIT
#include "worker/role/helper_process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/worker/own_directory.h"
#include "worker/responder/messages.h"

using namespace certlatch;
using namespace std::chrono_literals;

namespace {

/// A program that is executed in place of certlatch.
std::string script(const OwnDirectory& directory, const std::string& body) {
  directory.write("program", "#!/bin/sh\n" + body + "\n");
  const std::string path = directory.path + "/program";
  REQUIRE(::chmod(path.c_str(), 0755) == 0);
  return path;
}

std::string said_by(const OwnDirectory& directory) {
  for (int i = 0; i < 500 && !std::filesystem::exists(directory.path + "/said"); ++i) ::usleep(10'000);
  return directory.read("said");
}

}  // namespace

TEST_CASE("a helper gets its two sockets and nothing else that is open here") {
  const OwnDirectory directory;
  const int leaked = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  const auto list = "ls -l /proc/$$/fd | sed 's/.* \\([0-9]* -> [a-z/]*\\).*/\\1/' > " + directory.path +
                    "/said.new; echo \"$@\" >> " + directory.path + "/said.new; mv " + directory.path +
                    "/said.new " + directory.path + "/said; read x <&3";
  auto pair = joined_sockets().value();
  const auto helper = HelperProcess::start(script(directory, list), "test", std::move(pair.one));
  REQUIRE(helper);
  const auto said = said_by(directory);
  CHECK(said.contains("0 -> /dev/null"));
  CHECK(said.contains("1 -> "));
  CHECK(said.contains("3 -> socket"));
  CHECK(said.contains("4 -> socket"));
  CHECK_FALSE(said.contains("5 -> socket"));
  CHECK_FALSE(said.contains(fmt::format("\n{} -> /dev/null", leaked)));
  CHECK(said.ends_with("role test\n"));
  ::close(leaked);
}

TEST_CASE("how a helper ended is said") {
  const OwnDirectory directory;
  const auto ending = [&](const std::string& body) {
    auto helper = HelperProcess::start(script(directory, body), "test").value();
    const auto answer = helper.ask<ResponderAnswer>(ResponderOrder(ForgetToken{"x"}), in(5s));
    REQUIRE_FALSE(answer);
    return answer.error().message;
  };
  CHECK(ending("exit 3") == "the test process ended unexpectedly (status 3)");
  CHECK(ending("kill -SYS $$") ==
        "the test process ended unexpectedly (signal 31: a system call that its confinement forbids)");
  CHECK(ending("kill -KILL $$") == "the test process ended unexpectedly (signal 9: Killed)");
  auto missing = HelperProcess::start("/nonexistent", "test").value();
  CHECK(missing.ask<ResponderAnswer>(ResponderOrder(ForgetToken{"x"}), in(5s)).error().message ==
        "the test process ended unexpectedly (status 127)");
}

TEST_CASE("a helper that does not leave is killed") {
  const OwnDirectory directory;
  pid_t child = 0;
  {
    const auto helper = HelperProcess::start(
        script(directory, "echo $$ > " + directory.path + "/said; exec sleep 1000"), "test");
    REQUIRE(helper);
    child = std::stoi(said_by(directory));
  }
  CHECK(::kill(child, 0) != 0);
  CHECK(errno == ESRCH);
}

TEST_CASE("helpers die with the process that started them") {
  const OwnDirectory directory;
  const std::string program = script(directory, "echo $$ > " + directory.path + "/said; exec sleep 1000");
  const pid_t parent = ::fork();
  REQUIRE(parent >= 0);
  if (parent == 0) {
    const auto helper = HelperProcess::start(program, "test");
    for (;;) ::pause();
  }
  const pid_t child = std::stoi(said_by(directory));
  CHECK(::kill(child, 0) == 0);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  const auto is_gone = [&] {
    std::ifstream stat(fmt::format("/proc/{}/stat", child));
    const std::string line(std::istreambuf_iterator<char>(stat), {});
    return line.empty() || line.contains(") Z ");
  };
  for (int i = 0; i < 500 && !is_gone(); ++i) ::usleep(10'000);
  CHECK(is_gone());
}

TEST_CASE("the roles are not for people") {
  CHECK(::system(CERTLATCH_PROGRAM " role acme 2>/dev/null </dev/null") == 2 << 8);
  CHECK(::system(CERTLATCH_PROGRAM " role other 2>/dev/null </dev/null") == 2 << 8);
}
