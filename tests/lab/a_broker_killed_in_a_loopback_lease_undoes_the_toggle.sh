#!/bin/bash
# SPDX-License-Identifier: MIT
# The loopback form: the toggle that a killed broker left set is guarded until the next start puts it back.
. "$(dirname "$0")/lib/lab.sh"

toggle=/proc/sys/net/ipv4/conf/eth0/route_localnet
host_up 127.0.0.1:8080
before=$(ruleset)
hold_lease
expect_equal 'the toggle during the lease' 1 "$(cat $toggle)"
expect_equal 'port 80 during the lease' open "$(port 80)"
broker_kill
expect_shut
broker_start
expect_equal 'the toggle after the next start' 0 "$(cat $toggle)"
expect_equal 'the ruleset after the next start' "$before" "$(ruleset)"
