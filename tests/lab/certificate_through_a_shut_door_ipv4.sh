#!/bin/bash
# SPDX-License-Identifier: MIT
# The firewall drops port 80; the worker gets its certificate all the same, over IPv4, and nginx serves it.
. "$(dirname "$0")/lib/lab.sh"

ca_start ipv4
host_up
expect_shut
run certlatch renew
expect_status 0
expect_shut
expect_issued example.test
