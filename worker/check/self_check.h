// SPDX-License-Identifier: MIT
// Would the CA be answered? The worker asks its own responder, on this host's loopback, before any port is
// opened.
#pragma once

#include <string>

#include "protocol/result.h"
#include "worker/check/address_check.h"
#include "worker/responder/messages.h"
#include "worker/role/helper_process.h"

namespace certlatch {

struct SelfCheck {
  Families served;             // but for what is surely not; a loopback behind a firewall says nothing
  std::uint32_t requests = 0;  // that the responder has answered
};

/// Asks for the token over HTTP, IPv4 and IPv6. Kind::conflict, with a sentence, when something else is
/// answered than `key_authorization`.
[[nodiscard]] Result<SelfCheck> look_by_http(const ListenAt& place, const std::string& token,
                                             const std::string& key_authorization);

/// The same with a handshake of tls-alpn-01 for `name`, by the verify process.
[[nodiscard]] Result<SelfCheck> look_by_tls(HelperProcess& verify, const ListenAt& place,
                                            const std::string& name, const std::string& key_authorization);

}  // namespace certlatch
