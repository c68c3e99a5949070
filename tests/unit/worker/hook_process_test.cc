// SPDX-License-Identifier: MIT
// The commands of the configuration: when they count as ended, and what is kept of their output.
#include "worker/run/hook_process.h"

#include <doctest/doctest.h>

#include <chrono>

#include "tests/unit/worker/own_directory.h"
#include "tests/unit/worker/recorded_report.h"

namespace certlatch {
namespace {

using std::chrono::seconds;

struct Outcome {
  std::string waits;
  Result<std::string> output;
  std::chrono::milliseconds took;
};

Outcome run_script(const std::string& script, seconds time = seconds(20)) {
  const OwnDirectory directory;
  const auto began = std::chrono::steady_clock::now();
  RecordedReport report;
  LongWait wait(report, "before", "waits for it", in(time));
  auto output =
      run_hook({{"/bin/sh", "-c", script}, {"NAME=value"}, directory.path, ""}, time, StopSignal(), wait);
  return {report.waits, std::move(output),
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began)};
}

}  // namespace

TEST_CASE("a command's output and its end are told") {
  CHECK(run_script("echo one; echo two >&2; echo $NAME").output.value() == "one\ntwo\nvalue\n");
  const auto failed = run_script("echo why; exit 3");
  REQUIRE_FALSE(failed.output);
  CHECK(failed.output.error().message == "/bin/sh ended with status 3\n  why");
  CHECK(run_script("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done").output->ends_with("\n2999\n"));
  CHECK(run_script("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done").output->size() == 8192);
}

TEST_CASE("a command that has closed its output is waited for, and not for ever") {
  const auto quick = run_script("exec > /dev/null 2>&1; sleep 0.3; exit 4");
  REQUIRE_FALSE(quick.output);
  CHECK(quick.output.error().message == "/bin/sh ended with status 4");
  const auto late = run_script("exec > /dev/null 2>&1; sleep 60", seconds(1));
  REQUIRE_FALSE(late.output);
  CHECK(late.output.error().message == "/bin/sh did not end within 1 s");
  CHECK(late.took < seconds(10));
}

TEST_CASE("what a command leaves in the background is not waited for") {
  const auto left = run_script("sleep 12 & echo started");
  REQUIRE(left.output);
  CHECK(*left.output == "started\n");
  CHECK(left.took < seconds(6));
  CHECK(run_script("yes & echo started; exec sleep 0.2").took < seconds(10));
}

TEST_CASE("a command that takes its time is said to, once, and no other") {
  CHECK(run_script("sleep 5.5").waits == "before: waits for it\n");
  CHECK(run_script("sleep 0.1").waits.empty());
}

TEST_CASE("a command that cannot be executed is named") {
  const OwnDirectory directory;
  RecordedReport report;
  LongWait wait(report, "before", "waits for it", in(seconds(20)));
  const auto none = run_hook({{"/no/such"}, {}, directory.path, ""}, seconds(20), StopSignal(), wait);
  REQUIRE_FALSE(none);
  CHECK(none.error().message.contains("/no/such cannot be executed: No such file or directory"));
}

}  // namespace certlatch
