#!/bin/bash
# SPDX-License-Identifier: MIT
# Authorizations that nobody needs any more are deactivated: those left pending by an order that is given up, and, when a
# person asks for it, those that are valid. An issuance makes no request for it.
. "$(dirname "$0")/lib/lab.sh"

ca_environment=(PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=100)
ca_start
host_up
proxy_start
{ config_ca $proxy_url; config_certificate example.test; } > $config
run certlatch renew
expect_status 0
first=$(asked authorization)
# While the names count as proven no challenge is needed.
run certlatch renew --force
expect_status 0
expect_equal 'openings' 1 "$(audited 'open http' done)"
run certlatch revoke --deactivate-authorizations example.test
expect_status 0
expect_says 'example.test: revoked' 'example.test: 1 authorization ended: the names are to be proven again'
run certlatch renew
expect_status 0
expect_equal 'openings' 2 "$(audited 'open http' done)"

# An order for names that the configuration no longer has. The broker refuses, so that it stays pending.
run certlatch revoke --deactivate-authorizations example.test
broker_stop
{ config_ca $proxy_url; config_certificate example.test 'example.test www.example.test'; } > $config
sed -i 's/^port .*/port = 81/' $policy
broker_start
ip address add 10.77.0.3/24 dev eth0
python3 -m http.server --bind :: 81 > $lab/log/81 2>&1 < /dev/null &
wait_until 'port 81 to be taken' "$door" probe $host4 81
run certlatch renew
expect_status 3
grep -q '^order ' $worker_state/certificates/example.test/state || fail 'no order is left'
end $!
broker_stop
sed -i 's/^port .*/port = 80/' $policy
broker_start
config_certificate example.test > $lab/section
{ config_ca $proxy_url; cat $lab/section; } > $config
faults
run certlatch renew
expect_status 0
expect_issued example.test
ended() { [ "$(grep -c 'deactivated\|POST authorization' $proxy_log)" -ge 1 ] && [ "$(asked authorization)" -ge 5 ]; }
wait_until 'both authorizations to be looked at and ended' ended
expect_shut
