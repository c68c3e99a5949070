#!/bin/bash
# SPDX-License-Identifier: MIT
# Broker, its helpers, and worker are killed in one moment, and nothing of certlatch runs any more: the port is shut at
# once and stays so, though something still listens on the high port.
. "$(dirname "$0")/lib/lab.sh"

host_up
drip 8080
watch_doors
say open:http:60 hold
expect_open
# shellcheck disable=SC2046
mapfile -t all < <(processes_of certlatchd; processes_of certlatch-inspector; processes_of certlatch-runner)
expect_equal 'processes of the broker' 3 ${#all[@]}
killed=$(milliseconds)
end "${all[@]}" $say_pid
expect_shut_between "$killed" $((killed + at_once))
for program in certlatchd certlatch-inspector certlatch-runner certlatch lab-say; do
  expect_equal "what still runs of $program" '' "$(processes_of $program)"
done
"$door" probe 127.0.0.1 8080 > /dev/null || fail 'nothing listens on the high port any more'
sleep 1
expect_shut
echo "shut after $shut_after"
