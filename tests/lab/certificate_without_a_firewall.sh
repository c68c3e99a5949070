#!/bin/bash
# SPDX-License-Identifier: MIT
# A host without a firewall: suggest proposes no gate, and the certificate comes.
. "$(dirname "$0")/lib/lab.sh"

firewall_none
expect_suggests 'gate      = none'
ca_start
nginx_start
write_config
broker_start
expect_opening_works
expect_renewals
expect_equal 'the ruleset' '' "$(ruleset)"
