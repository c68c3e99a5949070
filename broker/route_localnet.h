// SPDX-License-Identifier: MIT
// The toggles net.ipv4.conf.<interface>.route_localnet, without which no connection from the wire may be led
// to 127.0.0.1. Each is journalled before it is changed, so that the next start can put it back:
//
//   RUN/route_localnet: the names of interfaces, a line each, whose toggle was 0 before
//
// One that the admin has set already is left alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/result.h"

namespace certlatch {

inline constexpr char kRouteLocalnetSettings[] = "/proc/sys/net/ipv4/conf";

class RouteLocalnet {
 public:
  /// As root: puts back what the journal names, then holds a descriptor for the toggle of each interface. One
  /// that does not exist is an error of raise(), not of this. `run_directory` is borrowed.
  static Result<std::unique_ptr<RouteLocalnet>> prepare(const std::vector<std::string>& interfaces,
                                                        int run_directory,
                                                        const std::string& settings = kRouteLocalnetSettings);
  virtual ~RouteLocalnet() = default;

  /// Sets the toggle for `opening`. After an error lower() is still due.
  virtual Result<void> raise(const std::string& interface, const std::string& opening) = 0;
  /// `opening` needs no toggle any more: each that we set and nobody else needs is put back. Tries
  /// again what failed before.
  virtual Result<void> lower(const std::string& opening) = 0;
  /// Does any opening need a toggle, or is one still set by us, so that the guard must stay?
  [[nodiscard]] virtual bool is_any_needed() const = 0;
};

}  // namespace certlatch
