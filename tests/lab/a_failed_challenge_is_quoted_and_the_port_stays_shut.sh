#!/bin/bash
# SPDX-License-Identifier: MIT
# The CA cannot reach the host (its resolver knows another address): its reason is shown, and the port is shut again.
. "$(dirname "$0")/lib/lab.sh"

host6=fd77::77 ca_start ipv6
host_up
before=$(ruleset)
old=$(served_certificate)
run certlatch renew
expect_status 1
expect_says example.test 'urn:ietf:params:acme:error:connection'
expect_shut
expect_equal 'the ruleset' "$before" "$(ruleset)"
expect_equal 'the certificate served' "$old" "$(served_certificate)"
