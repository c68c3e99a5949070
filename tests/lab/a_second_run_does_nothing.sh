#!/bin/bash
# SPDX-License-Identifier: MIT
# Nothing due, nothing said; neither the broker nor the CA is asked, so they may as well be down.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
run certlatch renew
expect_status 0
expect_issued example.test
log=$(cat $audit)
served=$(served_certificate)

run certlatch renew
expect_status 0
expect_silent
expect_equal 'the log of the broker' "$log" "$(cat $audit)"

broker_stop
ca_stop
run certlatch renew
expect_status 0
expect_silent
expect_equal 'the certificate served' "$served" "$(served_certificate)"
