#!/bin/bash
# SPDX-License-Identifier: MIT
# Something answers at the CA's address, but not as a CA.
. "$(dirname "$0")/lib/lab.sh"

mkdir -p $lab
self_signed $lab/ca.key $ca_roots DNS:ca.test
"${outside_command[@]}" openssl s_server -accept $ca4:14000 -www -quiet -cert $ca_roots -key $lab/ca.key \
  > $lab/log/ca 2>&1 < /dev/null &
wait_until 'the web page' outside "$door" probe $ca4 14000
host_up
run certlatch renew
expect_status 1
expect_says "the directory is not JSON"
expect_equal 'openings' 0 "$(audited 'open http' done)"
