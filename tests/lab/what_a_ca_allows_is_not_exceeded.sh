#!/bin/bash
# SPDX-License-Identifier: MIT
# A CA's limits are kept to across runs: orders, certificates for the same names, failures of a name. Whoever is refused
# is told when the next attempt may be made. And a CA that wants to be left alone for hours is.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
limited() { { config_ca $proxy_url; printf '%s\n' "$@"; config_certificate example.test; } > $config; }
not_asked() {  # TEXT
  run certlatch renew --force
  expect_status 1
  expect_says "example.test: [ca lab] was not asked: $1"
  expect_equal 'orders' "$orders" "$(asked neworder)"
}

limited 'same names per week = 2'
for _ in 1 2; do
  run certlatch renew --force
  expect_status 0
done
orders=$(asked neworder)
not_asked '2 certificates for the same names were issued within a week, as many as `same names per week` allows; the next may be asked for at 20'
limited 'same names per week = none' 'orders per hour = 1'
run certlatch renew --force
expect_status 0
orders=$(asked neworder)
not_asked '3 orders were placed within three hours, as many as `orders per hour` allows; the next may be placed at 20'
# Another set of names has a certificate of its own; a trial counts for nothing.
sed -i 's/^names .*/& www.example.test/' $config
sed -i 's/^orders per hour.*/same names per week = 2/' $config
sed -i '0,/same names per week = none/{//d}' $config
run certlatch renew
expect_status 0

# Without such lines a private CA has no limit of ours, and nothing is counted.
limited
rm $worker_state/accounts/lab/history
run certlatch renew --force
expect_status 0
[ ! -e $worker_state/accounts/lab/history ] || fail 'it was counted'

# A name that cannot be validated.
limited 'failures per hour = 2'
ca_resolves 10.77.0.99 ''
for _ in 1 2; do
  run_challenged certlatch renew --force
  expect_status 1
  expect_says 'could not validate example.test'
done
orders=$(asked neworder)
not_asked 'example.test could not be validated 2 times within an hour, as often as `failures per hour` allows; the next attempt may be made at 20'
ca_resolves $host4 $host6

# Retry-After is kept to by later runs, though the failure alone would let them try earlier.
limited
rm -r $worker_state/certificates/example.test
faults 'neworder 429:7200'
run certlatch renew
expect_status 1
expect_says 'the CA asks to wait until'
until=$(sed -n 's/^wait lab //p' $worker_state/certificates/example.test/state)
[ -n "$until" ] || fail 'it is not written down'
faults
sed -i '/^failures/d; /^last-failure/d' $worker_state/certificates/example.test/state
run certlatch renew --verbose
expect_status 0
expect_says "example.test: next attempt at $(date -u -d "@$until" '+%Y-%m-%d %H:%M') UTC"
expect_equal 'orders' 0 "$(asked neworder)"
run certlatch renew --force
expect_status 0
if grep -q '^wait' $worker_state/certificates/example.test/state; then fail 'it waits still'; fi
expect_shut
