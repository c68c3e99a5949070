#!/bin/bash
# SPDX-License-Identifier: MIT
# The worker closes its lease: the port is shut when the answer comes, and the ruleset is the one from before.
. "$(dirname "$0")/lib/lab.sh"

host_up
before=$(ruleset)
drip 8080
watch_doors
say open:http:30 $later time close time hold
expect_open
go_on
wait_until 'the lease to be closed' grep -q '^close: done' $lab/log/say
wait_until 'the ruleset from before' ruleset_is "$before"
{ read -r asked; read -r answered; } < <(said_times)
# A connection that was being made when the lease was closed may still be seen.
expect_shut_between $((asked - 20)) $((answered + 20))
echo "shut: $shut_after; asked 20 ms after that, answered $((answered - asked)) ms later"
