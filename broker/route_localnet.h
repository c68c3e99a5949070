// SPDX-License-Identifier: MIT
// The toggles net.ipv4.conf.<interface>.route_localnet, without which no connection from the wire may be led
// to 127.0.0.1. Each is journalled before it is changed, so that the next start can put it back:
//
//   RUN/route_localnet: the names of interfaces, a line each, whose toggle was 0 before
//
// One that the admin has set already is left alone.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "protocol/result.h"
#include "protocol/unique_fd.h"

namespace certlatch {

inline constexpr char kRouteLocalnetSettings[] = "/proc/sys/net/ipv4/conf";

class RouteLocalnet {
 public:
  /// As root: puts back what the journal names, then holds a descriptor for the toggle of each interface. One
  /// that does not exist is an error of set(), not of this. `run_directory` is borrowed.
  static Result<std::unique_ptr<RouteLocalnet>> prepare(const std::set<std::string>& interfaces,
                                                        int run_directory,
                                                        const std::string& settings = kRouteLocalnetSettings);
  virtual ~RouteLocalnet() = default;

  /// Sets the toggle of each of these, and puts back each other that we set. Tries again what failed before.
  /// After an error any may be set still, so that the guard must stay.
  virtual Result<void> set(const std::set<std::string>& interfaces);

 private:
  Result<void> write_journal(std::set<std::string> raised);

  int run_directory_ = -1;
  std::map<std::string, UniqueFd> settings_;  // by interface; not open: there was no such interface at start
  std::set<std::string> raised_;              // by us: those that the admin has set are theirs
};

}  // namespace certlatch
