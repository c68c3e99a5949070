#!/bin/bash
# SPDX-License-Identifier: MIT
# The admin's own ruleset holds the gate: the broker adds no rule to it, and it lets nothing through without a lease.
. "$(dirname "$0")/lib/lab.sh"

ca_start
nft insert rule inet filter input tcp dport 8080 meta mark 0xac3e0050 accept comment '"certlatch"'
host_up :8080 static
expect_shut
expect_equal 'the high port without a lease' dropped "$(port 8080 4 300)"
chain=$(nft list chain inet filter input)
run certlatch renew
expect_status 0
expect_issued example.test
expect_shut
expect_equal 'the admin'"'"'s chain' "$chain" "$(nft list chain inet filter input)"
