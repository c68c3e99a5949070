#!/bin/bash
# SPDX-License-Identifier: MIT
# How often a CA is asked: ten times for a first certificate, account included; nine for a renewal; six while the name
# counts as proven. Under load a question may come before the CA has decided and is asked again: of three runs the one
# with the fewest counts.
. "$(dirname "$0")/lib/lab.sh"

requests() { grep -vc '^ORDER' $proxy_log; }
# at_most LIMIT WHAT COMMAND...: the fewest requests of three runs; `fewest` lists their stages.
at_most() {
  local limit=$1 what=$2 least=1000 _
  shift 2
  for _ in 1 2 3; do
    faults
    "$@"
    expect_status 0
    if [ "$(requests)" -lt $least ]; then
      least=$(requests)
      fewest=$(cut -d' ' -f2 $proxy_log)
    fi
    if [ $least -le "$limit" ]; then break; fi
  done
  echo "$what: $least requests"
  if [ $least -gt "$limit" ]; then fail "$what takes $least requests where $limit are enough:"$'\n'"$(cat $proxy_log)"; fi
}
times() { grep -cx "$1" <<< "$fewest" || true; }

first() {
  rm -rf $worker_state/accounts/lab $worker_state/certificates/example.test
  run_challenged certlatch renew
}

misbehaving_ca
at_most 10 'a first certificate' first
expect_issued example.test
expect_equal 'new accounts' 1 "$(times newaccount)"
at_most 9 'a renewal' run_challenged certlatch renew --force
expect_issued example.test
for stage in directory nonce neworder challenge finalize certificate; do
  expect_equal "requests of the stage $stage" 1 "$(times $stage)"
done
expect_equal 'new accounts' 0 "$(times newaccount)"
expect_equal 'renewal information' 0 "$(times renewalinfo)"

# With nothing to do the CA is asked once whether it suggests a time for the renewal, and not again for a while.
faults
run certlatch renew
expect_status 0
expect_equal 'requests' 'GET directory 200' "$(cat $proxy_log)"
faults
run certlatch renew
expect_status 0
expect_equal 'requests' '' "$(cat $proxy_log)"

ca_stop
ca_environment=(PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=100)
ca_start
run certlatch renew --force
expect_status 0
at_most 6 'a renewal of a name that counts as proven' run certlatch renew --force
expect_equal 'challenges' 0 "$(times challenge)"
expect_equal 'new accounts' 0 "$(times newaccount)"
