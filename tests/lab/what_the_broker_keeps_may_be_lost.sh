#!/bin/bash
# SPDX-License-Identifier: MIT
# The broker's state, the directory of an install entry, or the versions in it are gone: the host is as configured again
# after a run, and nothing is done that need not be.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
pair=$pairs/example.test
run certlatch renew
expect_status 0
quiet_again() {
  expect_issued example.test
  run certlatch status
  expect_status 0
  run certlatch renew
  expect_status 0
  expect_silent
}

# Its state: what the services have loaded, and the budgets. `status` shows it, and the next run restarts each service
# once.
broker_stop
rm -rf $broker_state
broker_start
installed=$(cat $pair/live/fullchain.pem)
run certlatch status
expect_status 1
expect_says 'nginx stale'
restarts=$(audited 'service nginx' done)
run certlatch renew
expect_status 0
expect_says 'nginx: restarted'
expect_equal restarts $((restarts + 1)) "$(audited 'service nginx' done)"
expect_equal 'the pair installed' "$installed" "$(cat $pair/live/fullchain.pem)"
quiet_again

# The directory of the entry, while no broker runs.
broker_stop
rm -r $pair
broker_start
run certlatch renew
expect_status 0
expect_says 'what was installed as example.test is gone; it is installed anew'
quiet_again

# The directory, under a broker that runs: it makes one at its next start, and says so.
rm -r $pair
run certlatch renew --force
expect_status 4
expect_says "$pair has been removed while the broker was running: restart certlatchd"
broker_stop
broker_start
run certlatch renew
expect_status 0
quiet_again

# The versions.
rm -r $pair/[0-9]*
run certlatch renew --force
expect_status 0
quiet_again
rm -r $pair/*
run certlatch renew --force
expect_status 0
quiet_again
