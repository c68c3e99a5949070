#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGKILL to the broker: the port is shut at once, and its next start takes away what the dead one left.
. "$(dirname "$0")/lib/lab.sh"

host_up
before=$(ruleset)
drip 8080
watch_doors
say open:http:60 hold
expect_open
killed=$(milliseconds)
broker_kill
expect_shut_between "$killed" $((killed + at_once))
broker_start
expect_equal 'the ruleset after the next start' "$before" "$(ruleset)"
echo "shut after $shut_after"
