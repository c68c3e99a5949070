#!/bin/bash
# SPDX-License-Identifier: MIT
# The admin reloads the ruleset in the middle of a lease. A static gate: visitors notice nothing. An inserted one: gone
# with the reload and the port shut, until the broker puts it back, for the time that is left and no longer.
. "$(dirname "$0")/lib/lab.sh"

nginx_start
{ echo 'flush ruleset'; nft list ruleset; } > $lab/nftables.conf
gate='tcp dport 8080 meta mark 0xac3e0050 accept comment "certlatch"'

write_policy
broker_start
before=$(ruleset)
for family in 4 6; do
  watch_door $family
  hold_lease 4
  sleep 1
  kill -STOP $broker_pid
  nft -f $lab/nftables.conf
  expect_equal 'port 80 without its gate' dropped "$(port 80 $family 300)"
  kill -CONT $broker_pid
  wait_until 'the gate to be put back' grep -q 'gate in inet filter input was removed by nft (pid .*put back' $broker_log
  expect_equal 'port 80 with its gate again' open "$(port 80 $family)"
  nft -f $lab/nftables.conf
  expect_equal 'port 80 after the next reload' open "$(port 80 $family)"
  wait_until 'the end of the lease' ruleset_is "$before"
  watch_end
  case $(watched_changes) in
    'shut open shut open shut' | 'shut open shut open shut open shut') ;;
    *) fail "the changes seen: $(watched_changes)" ;;
  esac
  seconds=$(awk '$2 == "open" && !from { from = $1 } { to = $1 } END { print to - from }' $lab/log/watch)
  if [ "$seconds" -lt 3700 ] || [ "$seconds" -gt 4300 ]; then fail "a lease of 4 s ended after $seconds ms"; fi
  end $holder_pid $listener_pid
  : > $broker_log
done
broker_stop

# Nothing left at all: neither a firewall nor, after the lease, an opening.
broker_start
hold_lease
nft flush ruleset
expect_port_80 open
end $holder_pid
wait_until 'the lease to end' ruleset_is ''
expect_port_80 refused
end $listener_pid
broker_stop

sed -i "/policy drop/a $gate" $lab/nftables.conf
nft -f $lab/nftables.conf
before=$(ruleset)
expect_suggests 'gate      = static'
broker_start
for family in 4 6; do
  watch_door $family
  hold_lease
  wait_until 'the port to open' grep -q open $lab/log/watch
  for ((i = 0; i < 20; ++i)); do nft -f $lab/nftables.conf; done
  expect_port_80 open
  end $holder_pid
  wait_until 'the lease to end' ruleset_is "$before"
  watch_end
  expect_equal 'the changes seen' 'shut open shut' "$(watched_changes)"
  end $listener_pid
done
