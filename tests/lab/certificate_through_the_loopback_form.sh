#!/bin/bash
# SPDX-License-Identifier: MIT
# `to = 127.0.0.1:8080`: the responder listens on loopback only; the toggle and its guard are there for the lease
# alone.
. "$(dirname "$0")/lib/lab.sh"

ca_start ipv4
toggle=/proc/sys/net/ipv4/conf/eth0/route_localnet
host_up 127.0.0.1:8080
before=$(ruleset)
run certlatch renew
expect_status 0
expect_issued example.test
expect_shut
expect_equal 'route_localnet after the lease' 0 "$(cat $toggle)"
expect_equal 'the ruleset after the lease' "$before" "$(ruleset)"
