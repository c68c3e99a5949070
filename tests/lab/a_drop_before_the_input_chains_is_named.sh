#!/bin/bash
# SPDX-License-Identifier: MIT
# What drops in a raw or prerouting chain no gate can help: suggest says which rule, fails, and says what to do; once that
# is done, what it proposes works.
. "$(dirname "$0")/lib/lab.sh"

nginx_start
drop_in() {  # CHAIN RULE
  nft flush ruleset
  lab_firewall
  nft "table inet early { chain $1 { type filter hook prerouting priority $1; iifname eth0 $2; }; }"
  suggest_policy
  expect_status 1
  expect_says 'NOT ENOUGH' "inet early $1 drops" 'no gate helps' "$3"
  broker_start
  hold_lease
  expect_shut
  end $holder_pid $listener_pid
  broker_stop
}
drop_in raw 'tcp dport { 80, 8080 } drop' 'accept `tcp dport 80` there'
drop_in filter 'tcp dport != { 22, 443 } drop' 'accept `ct status dnat` there'

nft insert rule inet early filter ct status dnat accept
expect_suggests 'gate      = inet filter input'
broker_start
expect_opening_works
