#!/bin/bash
# SPDX-License-Identifier: MIT
# The worker's state is put back from a backup that is older than what is installed: the next run leaves host and state in
# agreement again, with the same account, and the one after that has nothing to do. A state that is lost altogether is
# made anew.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
pair=$pairs/example.test
account() { cat $worker_state/accounts/lab/account; }
keep() { rm -rf "$lab/$1" && cp -a $worker_state "$lab/$1"; }
put_back() { rm -rf "${worker_state:?}"/* && cp -a "$lab/$1"/. $worker_state; }
agrees() {  # after WHAT
  run certlatch renew
  expect_status 0
  expect_issued example.test
  expect_equal "the chain of the state, $1" "$(cat $pair/live/fullchain.pem)" "$(cat $worker_state/certificates/example.test/chain.pem)"
  run certlatch renew
  expect_status 0
  expect_silent
  run certlatch status
  expect_status 0
}

agrees 'the first certificate'
keep early
first_account=$(account)
run certlatch renew --force
expect_status 0
newer=$(cat $pair/live/fullchain.pem)

# Older than the pair that is installed.
put_back early
run certlatch renew
expect_status 0
expect_says 'example.test: what was installed as example.test has been replaced; it is installed anew'
expect_different 'the pair before and after' "$newer" "$(cat $pair/live/fullchain.pem)"
agrees 'an older backup'
expect_equal 'the account' "$first_account" "$(account)"

# Of the same age, at another place of the disk.
keep same
put_back same
installed=$(cat $pair/live/fullchain.pem)
agrees 'a backup of the same age'
expect_equal 'the pair installed' "$installed" "$(cat $pair/live/fullchain.pem)"

# Of a moment when a certificate was there, but not installed yet.
broker_stop
sed -i 's|^check .*|check = /bin/false|' $policy
broker_start
run certlatch renew --force
expect_status 4
keep undeployed
broker_stop
sed -i 's|^check .*|check = /usr/sbin/nginx -t|' $policy
broker_start
agrees 'a repaired check'
put_back undeployed
agrees 'a backup with an undeployed certificate'

# Gone, account and all.
rm -rf "${worker_state:?}"/*
agrees 'no state at all'
expect_different 'the accounts' "$first_account" "$(account)"
