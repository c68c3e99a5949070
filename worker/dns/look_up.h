// SPDX-License-Identifier: MIT
// Look-ups with ldns at the system's resolvers: all questions side by side over UDP, so that a hundred names
// take no longer than one; what does not fit into a datagram is asked for again over TCP.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "protocol/channel.h"
#include "worker/dns/messages.h"

struct ldns_struct_resolver;

namespace certlatch {

class Resolver {
 public:
  /// Reads `resolv_conf`; no file is opened later.
  [[nodiscard]] static Result<Resolver> from(const char* resolv_conf);

  /// A and AAAA of each name, as it is: no search domains. One answer for each, in the order of `names`.
  [[nodiscard]] std::vector<NameAddresses> addresses(std::span<const std::string> names,
                                                     Deadline deadline) const;
  /// The CAA records of each name, or of the nearest domain above it that has some.
  [[nodiscard]] std::vector<NameCaa> caa(std::span<const std::string> names, Deadline deadline) const;

 private:
  struct Free {
    void operator()(ldns_struct_resolver* resolver) const;
  };
  explicit Resolver(ldns_struct_resolver* resolver) : resolver_(resolver) {}
  std::unique_ptr<ldns_struct_resolver, Free> resolver_;
};

}  // namespace certlatch
