#!/bin/bash
# SPDX-License-Identifier: MIT
# While a run is under way, another one leaves with 75, says why, and disturbs nothing; and what reads only is served.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
renew_and_hang $lab/log/first &
first=$!
wait_until 'the first run to be at work' at_least_processes certlatch 3
run certlatch renew
expect_status 75
expect_says 'another certlatch is at work'
run certlatch renew --quiet --force
expect_status 75
run certlatch revoke example.test
expect_status 75
run certlatch list
expect_status 0
run certlatch status
expect_says example.test
kill -CONT $ca_pid
wait $first || true
wait_until 'the first run to end' no_worker_runs
expect_issued example.test
run certlatch renew
expect_status 0
expect_silent

# A dozen at the same moment: each of them did all, or left.
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
  (code=0; certlatch renew --force > $lab/log/run.$i 2>&1 < /dev/null || code=$?; echo $code > $lab/code.$i) &
done
wait_until 'all to have begun' test -e $lab/code.12
wait_until 'all to end' no_worker_runs
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
  wait_until "run $i to end" test -s $lab/code.$i
  case $(cat $lab/code.$i) in 0 | 75) ;; *) fail "run $i: $(cat $lab/code.$i): $(cat $lab/log/run.$i)" ;; esac
done
grep -qx 0 $lab/code.* || fail 'none of them did it'
expect_issued example.test
expect_equal 'the chain of the state' "$(cat $pairs/example.test/live/fullchain.pem)" "$(cat $worker_state/certificates/example.test/chain.pem)"
