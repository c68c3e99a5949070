// SPDX-License-Identifier: MIT
// A network of this test program's own, with nothing in it but loopback: real ports, and nobody is disturbed.
#pragma once

#include <doctest/doctest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "protocol/unique_fd.h"

/// The whole program is in it from the first call on; it must have no other thread then.
inline void enter_private_network() {
  static const bool is_entered = [] {
    if (::unshare(CLONE_NEWNET) != 0) return false;
    const certlatch::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    return ::ioctl(socket.get(), SIOCSIFFLAGS, &loopback) == 0;
  }();
  REQUIRE(is_entered);
}
