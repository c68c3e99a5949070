// SPDX-License-Identifier: MIT
#include "protocol/archive.h"

#include <doctest/doctest.h>
#include <malloc.h>

#include "protocol/messages.h"

using namespace certlatch;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

template <class Message>
std::string reason(std::string_view text) {
  const auto message = decode<Message>(bytes_of(text));
  return message ? "accepted" : message.error().message;
}

template <class Message>
std::string encoded(const Message& message) {
  std::string out(4096, '\0');
  const auto size = encode(message, std::as_writable_bytes(std::span(out)));
  REQUIRE(size);
  out.resize(*size);
  return out;
}

StatusAnswer full_status() {
  StatusAnswer status;
  status.installs.push_back(
      {.entry = "example.org", .state = PairState::whole, .version = 7, .not_after = -1});
  status.services.push_back({.entry = "nginx", .loaded = {{.install = "example.org"}, {.install = "b"}}});
  status.leases.push_back({.lease = 1, .entry = "http", .seconds = 119});
  status.budgets.push_back({.entry = "open http", .left = 23});
  status.openings.push_back(
      {.entry = "http", .port = 80, .to_port = 8080, .to_loopback = true, .at_most = 120});
  return status;
}

}  // namespace

TEST_CASE("integers are little-endian and of fixed size") {
  CHECK(encoded(Request(Open{"ab", 0x01020304})) == std::string("\x02\x02\0\0\0ab\x04\x03\x02\x01", 11));
  CHECK(encoded(Request(Close{0x1122334455667788})) ==
        std::string("\x03\x88\x77\x66\x55\x44\x33\x22\x11", 9));
}

TEST_CASE("what is encoded is decoded to the same") {
  const std::string once = encoded(Answer(full_status()));
  auto status = decode<Answer>(bytes_of(once));
  REQUIRE(status);
  CHECK(std::get<StatusAnswer>(*status).installs.at(0).not_after == -1);
  CHECK(std::get<StatusAnswer>(*status).services.at(0).loaded.size() == 2);
  CHECK(encoded(*status) == once);
}

TEST_CASE("every shortening of a message is refused") {
  for (const std::string& whole :
       {encoded(Answer(full_status())), encoded(Request(Install{"e", "chain", Secret::copy_of("k")})),
        encoded(Answer(Refused{RefusalReason::host, 3, "no", "output"})), encoded(Answer(HelloAnswer{}))}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK_FALSE(decode<Answer>(bytes_of(whole).first(size)));
      CHECK_FALSE(decode<Request>(bytes_of(whole).first(size)));
    }
  }
}

TEST_CASE("bytes after the end are refused") {
  CHECK(reason<Request>(std::string_view("\x06\0", 2)) == "message has bytes after its end");
}

TEST_CASE("an unknown kind is refused, an answer is no request") {
  CHECK(reason<Request>("\x09") == "message of an unknown kind");
  CHECK(reason<Request>("\x83") == "message of an unknown kind");
  CHECK(reason<Answer>("\x06") == "message of an unknown kind");
  CHECK(reason<Request>("") == "message ends in the middle of a field");
}

TEST_CASE("a size beyond what is left is refused before anything is allocated") {
  const auto before = ::mallinfo2().uordblks;
  CHECK(reason<Request>(std::string_view("\x05\xff\xff\xff\x7f", 5)) ==
        "message a size exceeds what is left");
  CHECK(reason<Request>(std::string_view("\x05\xff\xff\xff\xff", 5)) ==
        "message a size exceeds what is left");
  // Status: a list of 2^31 installs, each a size tag of its own.
  CHECK(reason<Answer>(std::string_view("\x86\0\0\0\x80\0\0\0\0", 9)) ==
        "message a size exceeds what is left");
  CHECK(::mallinfo2().uordblks < before + 64 * 1024);
}

TEST_CASE("a list grows with the bytes that were sent, not with its size tag") {
  // 60,000 announced services, and nothing but zeros behind: each is an empty name and an empty list.
  std::string frame("\x86\0\0\0\0\x60\xea\0\0", 9);
  frame.append(60'000, '\0');
  CHECK(reason<Answer>(frame) == "message ends in the middle of a field");
}

TEST_CASE("a yes-or-no is 0 or 1 and a choice is within its range") {
  std::string status = encoded(Answer(full_status()));
  const auto loopback = status.size() - 5;
  status[loopback] = 2;
  CHECK(reason<Answer>(status) == "message a yes-or-no field is neither 0 nor 1");
  std::string refused = encoded(Answer(Refused{}));
  refused[1] = 7;
  CHECK(reason<Answer>(refused) == "message an unknown choice");
  refused[1] = 6;
  CHECK(reason<Answer>(refused) == "accepted");
}

TEST_CASE("a message that does not fit is refused whole") {
  std::array<std::byte, 8> small{};
  const auto size = encode(Request(Open{"a long name", 0}), small);
  REQUIRE_FALSE(size);
  CHECK(size.error().kind == Error::Kind::invalid);
}
