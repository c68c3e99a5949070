// SPDX-License-Identifier: MIT
// What the main process asks of the verify process: is this the certificate, or the
// answer to the challenge, that is served there?
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace certlatch {

/// What is said before TLS begins.
enum class Greeting : std::uint8_t { none, smtp, imap, pop3 };
constexpr Greeting last_of(Greeting) { return Greeting::pop3; }

struct CompareServed {
  static constexpr std::uint8_t kTag = 1;
  std::uint32_t id = 0;  // the answer's: several may be asked at once
  std::string host;      // a name or an address
  std::uint16_t port = 0;
  Greeting greeting = Greeting::none;
  std::string name;                // which is asked for (SNI); empty for an address
  std::string chain;               // PEM; its first certificate is the one that should be served
  std::uint32_t milliseconds = 0;  // a reload may take a moment: tried again until then
  void serialize(auto& archive) { archive(id, host, port, greeting, name, chain, milliseconds); }
};

/// Does this host answer a handshake of tls-alpn-01 (RFC 8737) for `name` as it should?
struct CompareChallenge {
  static constexpr std::uint8_t kTag = 2;
  std::string address;
  std::uint16_t port = 0;
  std::string name;  // the identifier: a host name or an address
  std::string key_authorization;
  std::uint32_t milliseconds = 0;
  void serialize(auto& archive) { archive(address, port, name, key_authorization, milliseconds); }
};
using VerifyOrder = std::variant<CompareServed, CompareChallenge>;

struct Compared {
  static constexpr std::uint8_t kTag = 0x81;
  std::uint32_t id = 0;
  bool is_same = false;
  std::string sentence;  // what was found instead, with the likely reason; printable ASCII
  void serialize(auto& archive) { archive(id, is_same, sentence); }
};

enum class ChallengeOutcome : std::uint8_t {
  right,
  other,   // something else is shown
  nobody,  // there is no such address or port
  silent,  // nothing came in time
};
constexpr ChallengeOutcome last_of(ChallengeOutcome) { return ChallengeOutcome::silent; }

struct ChallengeCompared {
  static constexpr std::uint8_t kTag = 0x82;
  ChallengeOutcome outcome = ChallengeOutcome::silent;
  std::string sentence;  // what was found instead; printable ASCII
  void serialize(auto& archive) { archive(outcome, sentence); }
};
using VerifyAnswer = std::variant<Compared, ChallengeCompared>;

}  // namespace certlatch
