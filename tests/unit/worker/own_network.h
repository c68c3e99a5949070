// SPDX-License-Identifier: MIT
// A network of this test program's own: a loopback interface and nothing else.
#pragma once

#include <doctest/doctest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "protocol/unique_fd.h"

/// Enters it, once for the whole program; needs root.
inline void enter_own_network() {
  static const bool is_inside = [] {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    const certlatch::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    REQUIRE(::ioctl(socket.get(), SIOCSIFFLAGS, &loopback) == 0);
    return true;
  }();
  REQUIRE(is_inside);
}
