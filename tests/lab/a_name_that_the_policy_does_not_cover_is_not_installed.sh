#!/bin/bash
# SPDX-License-Identifier: MIT
# The certificate is for a name that its install entry does not have: refused with the name and the policy's line.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
{
  config_ca
  config_certificate example.test 'example.test other.test'
} > $config
old=$(served_certificate)
run certlatch renew
expect_status 4
expect_says other.test "line $(grep -n ^names $policy | cut -d: -f1) of $policy"
expect_equal 'the certificate served' "$old" "$(served_certificate)"
expect_shut
