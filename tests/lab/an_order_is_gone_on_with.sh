#!/bin/bash
# SPDX-License-Identifier: MIT
# Wherever a run was interrupted, the next one goes on from there: what is ordered is not ordered again, what is validated
# not validated again, and the port is not opened for it.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
goes_on() {  # WHAT FAULT
  echo "interrupted $1"
  faults "$2"
  run_challenged timeout --signal TERM "${3:-30}" "${as_worker_command[@]}" $bin/certlatch renew --force
  [ "$status" != 0 ] || fail "the run was not interrupted"
  expect_shut
  faults
  openings=$(audited 'open http' done)
  run certlatch renew --force
  expect_status 0
  expect_equal "orders placed after: $1" 0 "$(asked neworder)"
  expect_equal "challenges after: $1" "${4:-0}" "$(asked challenge)"
  expect_equal "openings after: $1" $((openings + ${4:-0})) "$(audited 'open http' done)"
}

goes_on 'before the challenge' 'challenge 503:86400' 30 1
goes_on 'when the order was ready' 'finalize 503:86400'
goes_on 'when the CSR had been taken' 'finalize cutbody'
goes_on 'while the order was processed' 'order stuck' 4
goes_on 'before the certificate was fetched' 'certificate 503:86400'
expect_issued example.test
