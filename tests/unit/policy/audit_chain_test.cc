// SPDX-License-Identifier: MIT
#include "policy/audit_chain.h"

#include <doctest/doctest.h>

namespace certlatch {
namespace {

std::string link_of(std::string_view line) { return std::string(last_chain(std::string(line) + "\n")); }

TEST_CASE("a link depends on the line and on the link before it") {
  const auto first = chained("", "time=1");
  CHECK(first.starts_with("time=1 chain="));
  CHECK(first.size() == std::string("time=1 chain=").size() + 32);
  CHECK(first == chained("", "time=1"));
  CHECK(first != chained("", "time=2"));
  CHECK(link_of(first) != link_of(chained(link_of(first), "time=1")));
  // printf '\ntime=1' | b2sum -l 128
  CHECK(link_of(first) == "3ca23c8b4db7c486b940131abc5d35ea");
}

TEST_CASE("what is no link is none") {
  for (const char* line : {"", "chain=", " chain=", "time=1", "time=1 chain=0123456789abcdef0123456789abcde",
                           "time=1chain=0123456789abcdef0123456789abcdef",
                           "time=1 what=\"open  chain=0123456789abcdef0123456789abcdef\" outcome=done",
                           "time=1 chain=0123456789abcdef0123456789abcdef "})
    CHECK(link_of(line).empty());
}

TEST_CASE("the last link of a text is found behind cut lines") {
  const auto one = chained("", "a"), two = chained(link_of(one), "b");
  CHECK(last_chain("").empty());
  CHECK(last_chain("a\nb").empty());
  CHECK(last_chain(one).empty());  // its end may be missing
  CHECK(last_chain(one + '\n') == link_of(one));
  CHECK(last_chain(one + "\n" + two + "\n") == link_of(two));
  CHECK(last_chain(one + "\n" + two + "\ntime=cut") == link_of(two));
  CHECK(last_chain(two.substr(1) + "\ncut\ncut\n") == link_of(two));
}

}  // namespace
}  // namespace certlatch
