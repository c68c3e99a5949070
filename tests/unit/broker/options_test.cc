// SPDX-License-Identifier: MIT
#include "broker/options.h"

#include <doctest/doctest.h>

#include <vector>

namespace certlatch {
namespace {

Result<Options> read(std::vector<const char*> arguments) { return read_options(arguments); }

TEST_CASE("without options the places are those of an installed broker") {
  const auto options = read({});
  REQUIRE(options);
  CHECK(options->policy == "/etc/certlatch/policy.conf");
  CHECK(options->socket == "/run/certlatch/broker.sock");
  CHECK(options->state == "/var/lib/certlatch-broker");
  CHECK(options->run == "/run/certlatch");
  CHECK_FALSE(options->foreground);
  CHECK_FALSE(options->idle_seconds);
}

TEST_CASE("every option is read, in both forms") {
  const auto options =
      read({"--policy", "/p", "--socket=/s", "--state", "/t", "--run=/r", "--idle", "5", "--foreground"});
  REQUIRE(options);
  CHECK(options->policy == "/p");
  CHECK(options->socket == "/s");
  CHECK(options->state == "/t");
  CHECK(options->run == "/r");
  CHECK(options->idle_seconds == 5U);
  CHECK(options->foreground);
  CHECK_FALSE(read({"--foreground", "--quiet"})->foreground);
  CHECK(read({"--help"})->wanted == Options::Wanted::help);
  CHECK(read({"--version"})->wanted == Options::Wanted::version);
}

TEST_CASE("what cannot be meant is refused by name") {
  for (const auto& arguments : std::vector<std::vector<const char*>>{{"--polcy", "/p"},
                                                                     {"x"},
                                                                     {"--policy"},
                                                                     {"--policy", "relative"},
                                                                     {"--policy="},
                                                                     {"--idle", "0"},
                                                                     {"--idle", "5x"},
                                                                     {"--idle=-1"},
                                                                     {"--foreground=yes"}}) {
    CAPTURE(arguments[0]);
    const auto options = read(arguments);
    REQUIRE(!options);
    const std::string name = arguments[0];
    CHECK(options.error().message.find(name.substr(0, name.find('='))) != std::string::npos);
  }
}

}  // namespace
}  // namespace certlatch
