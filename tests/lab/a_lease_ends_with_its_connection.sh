#!/bin/bash
# SPDX-License-Identifier: MIT
# The worker's connection ends, because it was closed or because its process was killed: the port is shut at once.
. "$(dirname "$0")/lib/lab.sh"

host_up
before=$(ruleset)
drip 8080

watch_doors
say open:http:60 $later time leave
expect_open
expect_equal 'the high port during the lease' dropped "$(port 8080 4 300)"
go_on
wait_until 'the connection to be ended' said_times
wait_until 'the lease to end' ruleset_is "$before"
left=$(said_times)
expect_shut_between "$left" $((left + at_once))
kill -0 $say_pid || fail 'the process was to outlive its connection'
echo "connection gone: shut after $shut_after"
end $say_pid

watch_doors
say open:http:60 hold
expect_open
killed=$(milliseconds)
end $say_pid
expect_shut_between "$killed" $((killed + at_once))
wait_until 'the lease to end' ruleset_is "$before"
echo "process killed: shut after $shut_after"
