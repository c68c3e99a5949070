// SPDX-License-Identifier: MIT
// Changing records at an authoritative server: RFC 2136, signed with TSIG (RFC 8945).
#pragma once

#include <memory>

#include "protocol/result.h"
#include "protocol/secret.h"
#include "worker/dns/messages.h"

struct ldns_struct_resolver;
struct ldns_struct_pkt;

namespace certlatch {

class Updater {
 public:
  /// Reads the key's file; no file is opened later.
  [[nodiscard]] static Result<Updater> from(const UseServer& server);
  [[nodiscard]] Result<void> change(const UpdateRecord& record) const;

 private:
  struct Free {
    void operator()(ldns_struct_resolver* resolver) const;
    void operator()(ldns_struct_pkt* packet) const;
  };
  using Packet = std::unique_ptr<ldns_struct_pkt, Free>;
  [[nodiscard]] Result<Packet> packet_of(const UpdateRecord& record) const;
  Updater(ldns_struct_resolver* resolver, std::string zone) : resolver_(resolver), zone_(std::move(zone)) {}
  std::unique_ptr<ldns_struct_resolver, Free> resolver_;
  std::string zone_;
};

}  // namespace certlatch
