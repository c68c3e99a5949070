#!/bin/bash
# SPDX-License-Identifier: MIT
# `--force` renews what is not due, with a new key, and nginx serves that.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
run certlatch renew
expect_status 0
first=$(served_certificate)
first_key=$(cat $pairs/example.test/live/privkey.pem)
run certlatch renew --force
expect_status 0
expect_issued example.test
expect_different 'the certificate before and after' "$first" "$(served_certificate)"
expect_different 'the key before and after' "$first_key" "$(cat $pairs/example.test/live/privkey.pem)"
