#!/bin/bash
# SPDX-License-Identifier: MIT
# dns-01 by RFC 2136: the records are put into a real name server's zone, signed with TSIG, and taken away again.
. "$(dirname "$0")/lib/lab.sh"
. "$lab_library/name_server.sh"

name_server_start
ca_start
host_up
sed -i 's/^names .*/names = example.test *.example.test/' $policy
broker_stop
broker_start
by_update() {
  config_ca
  config_by_update 'example.test *.example.test' "$@"
}
by_update > $config
run certlatch renew
expect_status 0
expect_issued example.test
openssl x509 -in $pairs/example.test/live/cert.pem -noout -checkhost any.example.test | grep -q 'does match' ||
  fail 'it is not for the whole domain'
expect_equal 'openings' 0 "$(audited 'open http' done)"
records() { outside kdig @$ca4 -p 5353 +short +tcp TXT _acme-challenge.example.test 2> /dev/null; }
if type kdig > /dev/null 2>&1; then expect_equal 'records that are left' '"another client"' "$(records)"; fi

by_update stranger > $config
run_challenged certlatch renew --force
expect_status 1
expect_says 'example.test: [dns here]: the name server' 'update of _acme-challenge.example.test'
chmod 0444 /etc/certlatch/tsig
by_update > $config
run_challenged certlatch renew --force
expect_status 1
expect_says 'is open to everyone'
expect_shut
