#!/bin/bash
# SPDX-License-Identifier: MIT
# `ca = dead lab`: the dead CA is tried first, and the certificate comes from the other in the same run.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
{
  printf '%s\n' '[ca dead]' "directory = https://$ca4:1/dir" ''
  config_ca
  config_certificate example.test | sed 's/^ca .*/ca = dead lab/'
} > $config
run certlatch renew
expect_status 0
expect_issued example.test
run certlatch status
expect_says ' lab '
run certlatch renew
expect_status 0
expect_silent
ca_stop
run certlatch renew --force
expect_status 1
expect_says 'dead: the CA at https://'"$ca4"':1 cannot be reached' 'then the CA at https://ca.test:14000 cannot be reached'
expect_shut
