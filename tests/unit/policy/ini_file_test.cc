// SPDX-License-Identifier: MIT
#include "policy/ini_file.h"

using certlatch::IniReading;
using certlatch::read_ini;

namespace {

std::string written(const IniReading& reading) {
  std::string text;
  for (const auto& section : reading.sections) {
    text += fmt::format("{}[{}|{}]", section.line, section.kind, section.name);
    for (const auto& key : section.keys) text += fmt::format(" {}:{}={}", key.line, key.name, key.value);
    text += '\n';
  }
  for (const auto& fault : reading.faults) text += fault.text() + '\n';
  return text;
}

std::string reading_of(std::string_view text) { return written(read_ini(text, "f")); }

}  // namespace

TEST_CASE("sections and keys carry their lines") {
  CHECK(reading_of("# head\n[broker]\nworker = certlatch\n\n[open http]\nport=80\n  at   most\t=  2m  \n") ==
        "2[broker|] 3:worker=certlatch\n5[open|http] 6:port=80 7:at most=2m\n");
}

TEST_CASE("a section without keys is still a section") {
  CHECK(reading_of("[a]\n[b c]") == "1[a|]\n2[b|c]\n");
}

TEST_CASE("comments start a line or follow a blank, and nothing else") {
  CHECK(reading_of("[a] ; b\n  ; x = 1\n\t# x = 2\nk = v # c ; d\nl = v#1;2 ; c\nm = a\t#b = c\n") ==
        "1[a|] 4:k=v 5:l=v#1;2 6:m=a\n");
}

TEST_CASE("an indented line is a key, never a continuation") {
  CHECK(reading_of("[a]\nk = 1\n  l = 2\n  rest\n") ==
        "1[a|] 2:k=1 3:l=2\nf:4: neither `key = value` nor a `[section]`\n");
}

TEST_CASE("a value may hold equals signs, colons and brackets") {
  CHECK(reading_of("[a]\nto = :8080\nk = a=b\nl = [x]\n") == "1[a|] 2:to=:8080 3:k=a=b 4:l=[x]\n");
}

TEST_CASE("a colon does not separate key and value") {
  CHECK(reading_of("[a]\nport: 80\n") == "1[a|]\nf:2: neither `key = value` nor a `[section]`\n");
  CHECK(reading_of("[a]\nport: 80 = 2\n") == "1[a|]\nf:2: neither `key = value` nor a `[section]`\n");
}

TEST_CASE("repeated keys stay apart") { CHECK(reading_of("[a]\nk=1\nk=2\n") == "1[a|] 2:k=1 3:k=2\n"); }

TEST_CASE("a key without a value, without a name or without a section is a fault") {
  CHECK(reading_of("k = 1\n") == "f:1: a key before the first [section]\n");
  CHECK(reading_of("[a]\nk =\n") == "1[a|]\nf:2: `k` has no value\n");
  CHECK(reading_of("[a]\nk = # nothing\n") == "1[a|]\nf:2: `k` has no value\n");
  CHECK(reading_of("[a]\n= 1\n") == "1[a|]\nf:2: neither `key = value` nor a `[section]`\n");
}

TEST_CASE("a heading is one or two words in brackets, alone on its line") {
  for (const char* heading : {"[]", "[ ]", "[a b c]", "[a", "[a] b = c", "[a]]", "[[a]", "[a][b]", "["}) {
    CAPTURE(heading);
    CHECK(reading_of(heading) == "f:1: a section's heading is `[kind]` or `[kind name]`\n");
  }
  CHECK(reading_of(" [ a\tb ] ") == "1[a|b]\n");
}

TEST_CASE("keys under a heading that cannot be read do not fall to the section before it") {
  CHECK(reading_of("[a]\nk=1\n[b\nl=2\n[c]\nm=3\n") ==
        "1[a|] 2:k=1\n5[c|] 6:m=3\nf:3: a section's heading is `[kind]` or `[kind name]`\n");
}

TEST_CASE("a line of 197 bytes is read whole, one of 198 is refused, and never cut") {
  const std::string value(197 - 4, 'v');
  CHECK(reading_of("[a]\nk = " + value) == "1[a|] 2:k=" + value + "\n");
  CHECK(reading_of("[a]\n\t k = " + value + " # " + std::string(300, 'c') + "\nl = 1") ==
        "1[a|] 2:k=" + value + " 3:l=1\n");
  CHECK(
      reading_of("[a]\nk = " + value + "w\nl = 1") ==
      "1[a|] 3:l=1\nf:2: the line has 198 bytes; at most 197 are read, apart from indentation and comment\n");
}

TEST_CASE("a long heading is read whole") {
  const std::string name(150, 'n');
  CHECK(reading_of("[install " + name + "]") == "1[install|" + name + "]\n");
}

TEST_CASE("bytes that are not text are faults, in comments too") {
  CHECK(reading_of(std::string_view("[a]\nk = 1\0002\n", 11)) ==
        "1[a|]\nf:2: byte 6 of the line is a control character or not UTF-8\n");
  CHECK(reading_of("# \x1b[2J\n") == "f:1: byte 3 of the line is a control character or not UTF-8\n");
  CHECK(reading_of("# \x7f\n") == "f:1: byte 3 of the line is a control character or not UTF-8\n");
  CHECK(reading_of("# \u0085\n") == "f:1: byte 3 of the line is a control character or not UTF-8\n");
  CHECK(reading_of("[a]\r\n") == "f:1: carriage return: save the file with Unix line ends\n");
  CHECK(reading_of("\ufeff[a]\n") == "f:1: byte order mark: save the file without one\n");
  for (const char* bytes : {"\xff", "\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                            "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82"}) {
    CAPTURE(fmt::format("{:02x}", static_cast<unsigned char>(bytes[0])));
    CHECK(reading_of(fmt::format("[a]\n#{}\n", bytes)) ==
          "1[a|]\nf:2: byte 2 of the line is a control character or not UTF-8\n");
  }
  CHECK(reading_of("[a]\nk = é€😀\n") == "1[a|] 2:k=é€😀\n");
}

TEST_CASE("an empty file has no sections and no faults") {
  CHECK(reading_of("").empty());
  CHECK(reading_of("\n\n# only a comment").empty());
}
