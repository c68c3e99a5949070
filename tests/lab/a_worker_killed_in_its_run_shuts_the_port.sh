#!/bin/bash
# SPDX-License-Identifier: MIT
# `certlatch renew` is killed while the CA is still looking: the port is shut at once, and none of its processes stays.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
before=$(ruleset)
ca_looks_away
watch_doors
"${as_worker_command[@]}" $bin/certlatch renew > $lab/log/run 2>&1 < /dev/null &
worker_pid=$!
wait_until 'the door to open' doors_are open
killed=$(milliseconds)
end $worker_pid
expect_shut_between "$killed" $((killed + at_once))
wait_until 'the ruleset from before' ruleset_is "$before"
wait_until 'every process of the worker to end' no_worker_runs
echo "shut after $shut_after"
