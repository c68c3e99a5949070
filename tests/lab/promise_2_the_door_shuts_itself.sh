#!/bin/bash
# SPDX-License-Identifier: MIT
# Whoever is killed or hangs, and whatever never runs again, port 80 shuts: at once when the broker dies or the worker's
# connection ends, at the lease's end when the broker merely hangs.
. "$(dirname "$0")/lib/lab.sh"

host_up
before=$(ruleset)

hold_lease
expect_equal 'port 80 in a lease' open "$(port 80)"
broker_kill
expect_shut
end $holder_pid $listener_pid

broker_start
expect_equal 'the ruleset after a killed broker' "$before" "$(ruleset)"
hold_lease
expect_equal 'port 80 in a lease' open "$(port 80)"
end $holder_pid
wait_until 'the lease to end with its connection' ruleset_is "$before"
expect_shut
end $listener_pid

hold_lease 3
expect_equal 'port 80 in a lease' open "$(port 80)"
kill -STOP $broker_pid
wait_until 'the kernel to end the lease' port_is_shut
end $holder_pid
expect_shut
