#!/bin/bash
# SPDX-License-Identifier: MIT
# A table with the lease's name, or one that holds the gate's chain, belongs to another process: the broker says so and
# what to do, changes nothing of it, and opens once it is gone. A table that belongs to nobody is what a killed or a
# saved lease left, and makes way.
. "$(dirname "$0")/lib/lab.sh"

# own COMMAND...: nft commands from a process that stays; $owner_pid.
own() {
  mkfifo $lab/own
  { printf '%s\n' "$@"; sleep 60; } > $lab/own &
  feeder_pid=$!
  nft -i < $lab/own > $lab/log/own 2>&1 &
  owner_pid=$!
  wait_until 'the other process to own its table' owned
}
owned() { nft list ruleset | grep -q 'flags owner'; }
disown_it() {
  end $owner_pid $feeder_pid
  rm $lab/own
}

nginx_start
write_policy
own 'add table inet certlatch { flags owner; }'
before=$(ruleset)
: > $broker_log
run timeout 10 "${broker_command[@]}"
expect_status 1
expect_says 'table inet certlatch' 'another process' 'stop it'
expect_equal 'the ruleset' "$before" "$(ruleset)"
disown_it

broker_start
own 'add table inet certlatch { flags owner; }'
before=$(ruleset)
forge 2 "$(hello)" "$(open_request http)"
expect_says 'table inet certlatch' 'another process'
expect_equal 'the ruleset' "$before" "$(ruleset)"
disown_it
expect_opening_works
nft add table inet certlatch
hold_lease
expect_port_80 open
end $holder_pid $listener_pid
wait_until 'the lease to end' no_lease_table

broker_stop
write_policy :8080 'inet filter input, inet foreign input'
broker_start
own 'add table inet foreign { flags owner; }' \
  'add chain inet foreign input { type filter hook input priority 5; policy drop; }' \
  'add rule inet foreign input iifname lo accept'
before=$(ruleset)
hold_listener
forge 2 "$(hello)" "$(open_request http)"
expect_says 'table inet foreign belongs to another process'
expect_equal 'the ruleset' "$before" "$(ruleset)"
run $bin/certlatch-policy suggest
expect_status 1
expect_says 'NOT ENOUGH: inet foreign input drops' 'have that program let TCP port'
