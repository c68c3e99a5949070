#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever step failed is tried again by the next run, and only that step.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up

# nginx refuses its configuration: the pair is not installed, and the run says which check failed.
echo 'nonsense;' >> /etc/nginx/nginx.conf
old=$(served_certificate)
run certlatch renew
expect_status 4
expect_says nginx nonsense
expect_equal 'the certificate served' "$old" "$(served_certificate)"
# Repaired: the next run deploys what was issued, without the CA.
sed -i '/^nonsense/d' /etc/nginx/nginx.conf
ca_stop
run certlatch renew
expect_status 0
expect_issued example.test
run certlatch renew
expect_status 0
expect_silent

# The reload failed after the install: the next run reloads, and does nothing else.
ca_start
broker_stop
sed -i 's|^command = .*|command = /bin/false|' $policy
broker_start
run certlatch renew --force
expect_status 4
installed=$(cat $pairs/example.test/live/fullchain.pem)
broker_stop
sed -i 's|^command = .*|command = /usr/sbin/nginx -s reload|' $policy
broker_start
ca_stop
run certlatch renew
expect_status 0
expect_issued example.test
expect_equal 'the pair installed' "$installed" "$(cat $pairs/example.test/live/fullchain.pem)"
