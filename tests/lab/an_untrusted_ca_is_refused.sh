#!/bin/bash
# SPDX-License-Identifier: MIT
# The CA's own HTTPS certificate leads to no root that the configuration or the host trusts.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
sed -i '/^roots/d' $config
run certlatch renew
expect_status 1
expect_says ca.test certificate
expect_equal 'openings' 0 "$(audited 'open http' done)"
