// SPDX-License-Identifier: MIT
// What tls-alpn-01 (RFC 8737) is answered with: for each name a self-signed certificate that carries the hash
// of the key authorization. All are signed with one throw-away key that nothing else ever uses.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "protocol/result.h"

struct evp_pkey_st;
struct ssl_ctx_st;

namespace certlatch {

class AlpnAnswers {
 public:
  /// Makes the key.
  [[nodiscard]] static Result<std::unique_ptr<AlpnAnswers>> make();
  ~AlpnAnswers();
  AlpnAnswers(const AlpnAnswers&) = delete;
  AlpnAnswers& operator=(const AlpnAnswers&) = delete;

  /// `name` is a host name or an address.
  [[nodiscard]] Result<void> add(const std::string& token, const std::string& name,
                                 const std::string& key_authorization);
  /// How many handshakes it answered; nothing when there was none such.
  std::optional<std::uint32_t> remove(const std::string& token);

  /// The answer for a server name as clients send it (RFC 8738, section 6 for addresses), counted as one
  /// handshake; nullptr when there is none.
  [[nodiscard]] ssl_ctx_st* find(const std::string& server_name);

  std::uint32_t connections = 0;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
    void operator()(ssl_ctx_st* context) const;
  };
  struct Answer {
    std::string server_name;
    std::unique_ptr<ssl_ctx_st, Free> context;
    std::uint32_t handshakes = 0;
  };
  AlpnAnswers() = default;
  std::unique_ptr<evp_pkey_st, Free> key_;
  std::map<std::string, Answer> answers_;  // by token
};

}  // namespace certlatch
