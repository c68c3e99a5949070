#!/bin/bash
# SPDX-License-Identifier: MIT
# `to = 127.0.0.1:8080`: before, during and after the lease and after a killed broker, a neighbour on the link neither
# reaches a service on the host's loopback nor gets a packet delivered that claims to come from there; and afterwards
# the toggle is what it was, 0 or 1. Without the guard, the same frames do both.
. "$(dirname "$0")/lib/lab.sh"

toggle=/proc/sys/net/ipv4/conf/eth0/route_localnet
host_up 127.0.0.1:8080
broker_stop
trust_neighbour
echo 1 > $toggle
expect_equal 'the neighbour, with the toggle and without a guard' 'service=reached spoofed=delivered' "$(neighbour_gets)"
echo 0 > $toggle
drip 8080

for previous in 0 1; do
  echo $previous > $toggle
  before=$(ruleset)
  # Where the admin has set the toggle, a neighbour gets in before the lease and after it: that is theirs to say.
  at_rest=$neighbour_gets_nothing
  if [ $previous = 1 ]; then at_rest='service=reached spoofed=delivered'; fi
  broker_start
  expect_equal "before the lease, toggle $previous" "$at_rest" "$(neighbour_gets)"
  say open:http:30 $later close hold
  wait_until 'the lease' grep -q '^open: lease' $lab/log/say
  expect_equal 'the toggle during the lease' 1 "$(cat $toggle)"
  expect_equal 'port 80 during the lease' open "$(port 80)"
  expect_equal 'during the lease' "$neighbour_gets_nothing" "$(neighbour_gets)"
  nft delete table inet certlatch_guard
  wait_until 'the guard to be put back' nft list table inet certlatch_guard
  expect_equal 'after a reload that took the guard away' "$neighbour_gets_nothing" "$(neighbour_gets)"
  go_on
  wait_until 'the lease to be closed' grep -q '^close: done' $lab/log/say
  expect_equal 'after the lease' "$at_rest" "$(neighbour_gets)"
  expect_equal 'the toggle after the lease' $previous "$(cat $toggle)"
  end $say_pid

  say open:http:30 hold
  wait_until 'the lease' grep -q '^open: lease' $lab/log/say
  broker_kill
  end $say_pid
  expect_equal 'after a killed broker' "$neighbour_gets_nothing" "$(neighbour_gets)"
  broker_start
  expect_equal 'the toggle after the next start' $previous "$(cat $toggle)"
  expect_equal 'the ruleset after the next start' "$before" "$(ruleset)"
  expect_equal 'after the next start' "$at_rest" "$(neighbour_gets)"
  broker_stop
done
