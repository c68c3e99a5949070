// SPDX-License-Identifier: MIT
// docs/protocol.md is what another program is written from: its examples are held against the code.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "protocol/archive.h"
#include "protocol/channel.h"
#include "protocol/messages.h"

namespace certlatch {
namespace {

/// Each block ```hex NAME … ``` of the document, without its comments (after `#`).
std::map<std::string, std::vector<std::byte>> examples() {
  std::ifstream document(CERTLATCH_PROTOCOL_DOCUMENT);
  REQUIRE(document);
  std::map<std::string, std::vector<std::byte>> found;
  std::string name;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("```")) {
      name = line.starts_with("```hex ") ? line.substr(7) : "";
      continue;
    }
    if (name.empty()) continue;
    std::istringstream bytes(line.substr(0, line.find('#')));
    for (unsigned byte = 0; bytes >> std::hex >> byte;) found[name].push_back(static_cast<std::byte>(byte));
    CHECK_MESSAGE(bytes.eof(), name << ": not hexadecimal: " << line);
  }
  return found;
}

template <class Message>
std::vector<std::byte> frame_of(const Message& message) {
  std::vector<std::byte> frame(4 + kMaxFrameBytes);
  const auto size = encode(message, std::span(frame).subspan(4));
  REQUIRE(size);
  ArchiveWriter{frame}(static_cast<std::uint32_t>(*size));
  frame.resize(4 + *size);
  return frame;
}

Digest counting_from(unsigned first) {
  Digest digest;
  for (auto& byte : digest) byte = static_cast<std::byte>(first++);
  return digest;
}

TEST_CASE("every example in docs/protocol.md is what the code sends") {
  std::map<std::string, std::vector<std::byte>> expected;
  const auto request = [&](const char* name, Request message) { expected[name] = frame_of(message); };
  const auto answer = [&](const char* name, Answer message) { expected[name] = frame_of(message); };
  request("Hello", Hello{});
  request("Open", Open{"http", 90});
  request("Close", Close{1});
  request("Install", Install{"example.org", "CHAIN\n", Secret::copy_of("KEY\n")});
  Stage stage;
  stage.entry = "example.org";
  stage.chain = "CHAIN\n";
  stage.key = Secret::copy_of("KEY\n");
  request("Stage", std::move(stage));
  request("Restart", Restart{"nginx"});
  request("Status", Status{});
  StatusOf some;
  some.installs = {"example.org"};
  request("StatusOf", std::move(some));
  answer("HelloAnswer", HelloAnswer{1, counting_from(0), "landlock 7"});
  answer("Opened", Opened{1, 90});
  answer("Closed", Closed{});
  answer("Installed", Installed{3});
  answer("Restarted", Restarted{"ok\n"});
  answer("StatusAnswer", StatusAnswer{{{"example.org",
                                        PairState::whole,
                                        3,
                                        counting_from(0),
                                        1'800'000'000,
                                        {"nginx"},
                                        "/etc/ssl/certlatch/example.org"}},
                                      {{"nginx", {{"example.org", counting_from(0)}}}},
                                      {{1, "http", 42}},
                                      {{"open http", 23}},
                                      {{"http", 80, 8080, false, 120}}});
  answer("Refused", Refused{RefusalReason::budget, 16, "no", ""});
  const auto found = examples();
  for (const auto& [name, frame] : expected) {
    CAPTURE(name);
    REQUIRE(found.contains(name));
    CHECK(found.at(name) == frame);
  }
  CHECK(found.size() == expected.size());
}

}  // namespace
}  // namespace certlatch
