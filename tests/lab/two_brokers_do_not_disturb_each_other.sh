#!/bin/bash
# SPDX-License-Identifier: MIT
# A second broker on the host, with files of its own, started during the first one's lease or beside it: it says what is
# in its way, and the first one's lease, gate, toggle and guard are untouched.
. "$(dirname "$0")/lib/lab.sh"

second_state=/var/lib/second second=/run/second/broker.sock
mkdir -p $second_state /run/second
timeless() { ruleset | sed "s/ expires [^ ]*//"; }
second_broker() {
  run timeout 20 $bin/certlatchd --policy $policy --socket "${1:-$second}" --state $second_state --run "${2:-/run/second}" \
    --foreground
}

for to in :8080 127.0.0.1:8080; do
  host_up $to
  drip 8080
  say open:http:60 hold
  wait_until 'the lease' grep -q '^open: lease' $lab/log/say
  during=$(timeless)
  second_broker
  expect_status 1
  expect_says 'another process, probably another certlatchd, holds table inet certlatch: stop it and try again'
  # By mistake, with the very files of the first.
  second_broker $socket /run/certlatch
  expect_status 1
  expect_says "another broker answers at $socket: stop it first"
  expect_equal 'the ruleset with a second broker' "$during" "$(timeless)"
  expect_equal 'port 80' open "$(port 80)"
  case $to in 127*) expect_equal route_localnet 1 "$(cat /proc/sys/net/ipv4/conf/eth0/route_localnet)" ;; esac
  end $say_pid
  wait_until 'the lease to end' port_is_shut

  # Both run already when the first opens: the second is refused for as long.
  : > $lab/log/second  # what it said the last time
  $bin/certlatchd --policy $policy --socket $second --state $second_state --run /run/second --foreground \
    > $lab/log/second 2>&1 < /dev/null &
  second_pid=$!
  wait_until 'the second broker' grep -q outcome=started $lab/log/second
  say open:http:60 hold
  wait_until 'the lease' grep -q '^open: lease' $lab/log/say
  during=$(timeless)
  run as_worker $bin/lab-say $second open:http:60
  expect_status 1
  expect_says 'another process, probably another certlatchd, holds table inet certlatch'
  expect_equal 'the ruleset after the second one was asked' "$during" "$(timeless)"
  expect_equal 'port 80' open "$(port 80)"
  kill -TERM $second_pid
  wait $second_pid
  expect_equal 'the ruleset after the second one has left' "$during" "$(timeless)"
  expect_equal 'port 80' open "$(port 80)"
  end $say_pid "${drip_pids[@]}"
  wait_until 'the lease to end' port_is_shut
  broker_stop
  nginx_stop
  rm -rf $pairs/example.test
done
