#!/bin/bash
# SPDX-License-Identifier: MIT
# IP addresses of both families as names (RFC 8738), short-lived: renewed when half of six hours are over.
. "$(dirname "$0")/lib/lab.sh"

ca_validity_seconds=21600
ca_start
host_up
sed -i "s/^names .*/names = $host4 $host6/" $policy
broker_stop
broker_start
for address in $host4 $host6; do
  { config_ca; config_certificate example.test "$address"; } > $config
  run certlatch renew
  expect_status 0
  expect_shut
  openssl x509 -in $pairs/example.test/live/cert.pem -noout -checkip "$address" | grep -q 'does match' ||
    fail "it is not for $address"
done
run certlatch renew
expect_silent
run certlatch status
now=$(date +%s)
renewal=$(date -u -d "$(sed -n 's/.* \([0-9-]* [0-9:]*\) UTC .*/\1/p' <<< "$said") UTC" +%s)
hours=$(((renewal - now + 60) / 3600))
[ $hours -ge 2 ] && [ $hours -le 3 ] || fail "renewal in $hours hours where 3 were expected: $said"
