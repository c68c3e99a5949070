// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "worker/show/status.h"
#include "worker/show/words.h"

using namespace certlatch;

namespace {

constexpr Seconds kDay = 24 * 3600, kNow = 1'700'000'000;  // 2023-11-14 22:13:20
const CertificateConfig kConfig{
    .name = "a", .names = {"a.example"}, .cas = {"le"}, .opening = "http", .installs = {"one"}};

CertificateState issued() {
  CertificateState state;
  state.issued = IssuedCertificate{.ca = "le",
                                   .names = {"a.example"},
                                   .issued = kNow,
                                   .not_before = kNow,
                                   .not_after = kNow + 90 * kDay,
                                   .installed = {"one"}};
  return state;
}

Overview overview(CertificateState state, Seconds now = kNow,
                  const std::optional<Result<StatusAnswer>>& broker = std::nullopt) {
  return overview_of({{&kConfig, std::move(state)}}, broker, now);
}
std::string text(CertificateState state, Seconds now = kNow,
                 const std::optional<Result<StatusAnswer>>& broker = std::nullopt) {
  return status_text(overview(std::move(state), now, broker), Screen{.width = 110});
}
StatusAnswer installed(PairState state = PairState::whole) {
  StatusAnswer answer;
  answer.installs.push_back({.entry = "one", .state = state, .version = 7, .services = {"nginx"}});
  answer.services.push_back({"nginx", {{"one", {}}}});
  return answer;
}

}  // namespace

TEST_CASE("times are UTC, spans are rounded down") {
  CHECK(date_text(kNow) == "2023-11-14");
  CHECK(time_text(kNow) == "2023-11-14 22:13 UTC");
  CHECK(span_text(90 * kDay - 1) == "89 days");
  CHECK(span_text(2 * kDay - 1) == "47 hours");
  CHECK(span_text(3600) == "60 minutes");
  CHECK(span_text(60) == "1 minute");
  CHECK(span_text(59) == "59 seconds");
}

TEST_CASE("a CA's problem is shown with type, detail and subproblems") {
  CHECK(problem_text({1, "newOrder: the CA refuses it", "", "", {}, true}) == "newOrder: the CA refuses it");
  CHECK(problem_text({1,
                      "newOrder: the CA refuses it",
                      "urn:ietf:params:acme:error:rejectedIdentifier",
                      "policy",
                      {{"b.example", "urn:x", "blocked"}, {"", "", "also this"}},
                      true}) ==
        "newOrder: the CA refuses it\n  urn:ietf:params:acme:error:rejectedIdentifier: policy\n"
        "  b.example: urn:x: blocked\n  also this");
}

TEST_CASE("status is a table") {
  CHECK(text(issued(), kNow + 30 * kDay, installed()) ==
        "CERTIFICATE  LIFETIME                ISSUER  NEXT                  DEPLOYED\n"
        "a            [######.......|......]  le      renew                 one version 7\n"
        " a.example   60 days left                    2024-01-13 22:13 UTC  nginx loaded\n");
  CHECK(text(issued(), kNow + 91 * kDay).contains("expired 2024-02-12"));
  CHECK(text(issued(), kNow + 61 * kDay).contains("with the next run"));
  CHECK(text({}).contains("none yet"));
  CHECK(text({}).contains("one missing"));
  auto undeployed = issued();
  undeployed.issued->installed.clear();
  undeployed.key_is_kept = true;
  undeployed.last_error = "install one: no\n  output";
  CHECK(text(undeployed).contains("deploy"));
  CHECK(text(undeployed).contains("  ! last error: install one: no\n      output\n"));
  CertificateState failing;
  failing.failures = {2, kNow};
  CHECK(text(failing).contains("try again"));
  CHECK(text(failing).contains("2023-11-14 22:23 UTC"));
  CHECK(status_text(overview_of({{&kConfig, fail(Error::invalid("damaged"))}}, std::nullopt, kNow), Screen{})
            .contains("! damaged"));
}

TEST_CASE("no line of the table is wider than the screen") {
  auto state = issued();
  state.last_error = std::string(300, 'x') + " \xc3\xa4\xc3\xb6\xc3\xbc words and more words";
  for (const std::size_t width : {80U, 100U, 200U}) {
    const auto table = status_text(overview(state, kNow, installed()), Screen{.width = width});
    for (const auto& line : wrapped(table, 10'000)) CHECK(columns_of(line) <= width);
  }
}

TEST_CASE("colours are for terminals that want them") {
  CHECK(Screen{.has_colours = true}.paint("x", Tone::bad) == "\x1b[31mx\x1b[0m");
  CHECK(Screen{}.paint("x", Tone::bad) == "x");
  CHECK(wrapped("one two three", 8) == std::vector<std::string>{"one two", "three"});
  CHECK(wrapped("", 8) == std::vector<std::string>{""});
  CHECK(wrapped("a\nb", 8) == std::vector<std::string>{"a", "b"});
  CHECK(wrapped("abcdefghij", 4) == std::vector<std::string>{"abcd", "efgh", "ij"});
}

TEST_CASE("the bar shows what has passed, and the point of renewal") {
  CHECK(lifetime_bar(0, 90, 60, 0, 11) == "[......|..]");
  CHECK(lifetime_bar(0, 90, 60, 45, 11) == "[####..|..]");
  CHECK(lifetime_bar(0, 90, 60, 75, 11) == "[######|..]");
  CHECK(lifetime_bar(0, 90, 60, 900, 11) == "[######|##]");
  CHECK(lifetime_bar(0, 90, 900, 0, 11) == "[........|]");
}

TEST_CASE("attention is asked for where a person should look, and for nothing else") {
  CHECK_FALSE(overview(issued()).needs_attention());
  CHECK_FALSE(overview(issued(), kNow + 61 * kDay).needs_attention());  // due: the next run does it
  CHECK_FALSE(overview(issued(), kNow, installed()).needs_attention());
  CHECK(overview({}).needs_attention());
  CHECK(overview(issued(), kNow + 70 * kDay).needs_attention());  // overdue
  CHECK(overview(issued(), kNow, installed(PairState::altered)).needs_attention());
  CHECK(overview(issued(), kNow, StatusAnswer{}).needs_attention());  // no such entry
  CHECK(overview(issued(), kNow, fail(Error::closed("gone"))).needs_attention());
  auto stale = installed();
  stale.services[0].loaded.clear();
  const auto view = overview(issued(), kNow, stale).certificates.at(0);
  CHECK(view.attention == std::vector<std::string>{"nginx: has not loaded what is installed"});
  CHECK(view.next == "deploy");
  auto failed = issued();
  failed.last_error = "no";
  CHECK(overview(failed).needs_attention());
}

TEST_CASE("each step that fails is shown with its reason and how often") {
  auto state = issued();
  state.verification = {4, kNow - 60, "another is served"};
  state.hook = {1, kNow - 5, "`deployed`: no"};
  state.issued->verify_pending = state.issued->hook_pending = true;
  state.last_error = state.hook.reason;
  CHECK(
      text(state).contains("  ! last error: `deployed`: no\n  ! verify failed as well: another is served\n"));
  const auto list = nlohmann::json::parse(status_json(overview(state)));
  CHECK(list[0]["deployment_failures"] == 5);
  const nlohmann::json failing = {
      {{"step", "verify"}, {"failures", 4}, {"last", kNow - 60}, {"error", "another is served"}},
      {{"step", "deployed"}, {"failures", 1}, {"last", kNow - 5}, {"error", "`deployed`: no"}}};
  CHECK(list[0]["failing"] == failing);
}

TEST_CASE("metrics tell what an alert needs") {
  auto state = issued();
  state.last_problem = kNow - 5;
  const auto metrics = metrics_text(overview(state), {.openings = 3, .open_milliseconds = 1500});
  for (const char* line :
       {"certlatch_certificate_not_after_seconds{certificate=\"a\"} 1707776000\n",
        "certlatch_certificate_last_success_seconds{certificate=\"a\"} 1700000000\n",
        "certlatch_certificate_last_failure_seconds{certificate=\"a\"} 1699999995\n",
        "certlatch_certificate_deployment_pending{certificate=\"a\"} 0\n", "certlatch_openings_total 3\n",
        "certlatch_open_seconds_total 1.500\n", "certlatch_deployments_pending 0\n"})
    CHECK_MESSAGE(metrics.contains(line), line << " is not in " << metrics);
}

TEST_CASE("status as JSON says the same to programs, whatever bytes an error holds") {
  auto state = issued();
  state.last_error = "\xff\xfe broken";
  const auto list = nlohmann::json::parse(
      status_json(overview_of({{&kConfig, state}, {&kConfig, CertificateState{}}}, installed(), kNow)));
  REQUIRE(list.size() == 2);
  CHECK(list[0]["certificate"] == "a");
  CHECK(list[0]["issued"]["not_after"] == kNow + 90 * kDay);
  CHECK(list[0]["issued"]["renewal"] == kNow + 60 * kDay);
  CHECK(list[0]["due"] == false);
  CHECK(list[0]["next_attempt"].is_null());
  CHECK(list[0]["installs"][0]["condition"] == "installed");
  CHECK(list[0]["installs"][0]["version"] == 7);
  CHECK(list[0]["services"][0]["condition"] == "loaded");
  CHECK(list[1]["issued"].is_null());
  CHECK(list[1]["due"] == true);
  CHECK(list[1]["next_attempt"] == kNow);
  CHECK(list[1]["reason"] == "there is none yet");
}
