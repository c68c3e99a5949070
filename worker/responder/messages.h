// SPDX-License-Identifier: MIT
// What the main process says to the responder, which answers the CA's http-01 requests and tls-alpn-01
// handshakes.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace certlatch {

struct ListenAt {
  std::uint16_t port = 0;
  bool loopback_only = false;  // 127.0.0.1; otherwise every address, IPv4 and IPv6
  bool is_tls = false;         // for tls-alpn-01, else for http-01
  void serialize(auto& archive) { archive(port, loopback_only, is_tls); }
};

/// The first message. The responder binds all of these, confines itself, and says Listening; or says what
/// stands in the way and ends.
struct Listen {
  static constexpr std::uint8_t kTag = 1;
  std::vector<ListenAt> places;
  void serialize(auto& archive) { archive(places); }
};

/// From now on the token is answered for.
struct AnswerToken {
  static constexpr std::uint8_t kTag = 2;
  std::string token;
  std::string key_authorization;
  std::string tls_name;  // the identifier, for tls-alpn-01; empty for http-01
  void serialize(auto& archive) { archive(token, key_authorization, tls_name); }
};

/// No longer. Answered by TokenForgotten.
struct ForgetToken {
  static constexpr std::uint8_t kTag = 3;
  std::string token;
  void serialize(auto& archive) { archive(token); }
};

using ResponderOrder = std::variant<Listen, AnswerToken, ForgetToken>;

struct Listening {
  static constexpr std::uint8_t kTag = 0x81;
  void serialize(auto&) {}
};
struct TokenAnswered {
  static constexpr std::uint8_t kTag = 0x82;
  void serialize(auto&) {}
};
struct TokenForgotten {
  static constexpr std::uint8_t kTag = 0x83;
  std::uint32_t requests = 0;     // that were answered for this token
  std::uint32_t connections = 0;  // that reached the responder since it started, whatever they wanted
  void serialize(auto& archive) { archive(requests, connections); }
};
struct ResponderFailed {
  static constexpr std::uint8_t kTag = 0xff;
  std::string sentence;
  void serialize(auto& archive) { archive(sentence); }
};

using ResponderAnswer = std::variant<Listening, TokenAnswered, TokenForgotten, ResponderFailed>;

}  // namespace certlatch
