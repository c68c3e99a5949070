// SPDX-License-Identifier: MIT
#include "protocol/secret.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <type_traits>

using namespace certlatch;

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);

TEST_CASE("a secret keeps its bytes, and moving leaves nothing behind") {
  Secret first = Secret::copy_of("key");
  Secret second = std::move(first);
  CHECK(second.text() == "key");
  CHECK(first.empty());
  first = std::move(second);
  CHECK(first.text() == "key");
  first.wipe();
  CHECK(first.text() == std::string_view("\0\0\0", 3));
}

TEST_CASE("an empty secret is no error") {
  CHECK(Secret().empty());
  CHECK(Secret(0).text().empty());
  CHECK(Secret::copy_of("").bytes().empty());
}

TEST_CASE("reading beyond a secret ends the process") {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGSEGV, SIG_DFL);
    const Secret secret(16);
    const volatile std::byte* end = secret.bytes().data() + secret.size();
    const bool read = *end == std::byte{0};
    ::_exit(read ? 1 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
}
