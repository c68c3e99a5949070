#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever length is asked for, a lease is no longer than the policy's `at most`, and the kernel ends it then.
. "$(dirname "$0")/lib/lab.sh"

host_up
broker_stop
sed -i 's/^at most .*/at most = 2s/' $policy
broker_start
drip 8080
for wanted in 0 2 3 3600 4294967295; do
  run as_worker $bin/lab-say $socket open:http:$wanted close
  expect_says 'for 2 s'
done
run as_worker $bin/lab-say $socket open:http:1 close
expect_says 'for 1 s'

watch_doors
say time open:http:4294967295 time hold
expect_open
kill -STOP $broker_pid
{ read -r asked; read -r answered; } < <(said_times)
expect_shut_between $((asked + 2000 - 20)) $((answered + 2000 + 30))
echo "shut after $shut_after, of 20 ms before the end of a lease of 2 s"
