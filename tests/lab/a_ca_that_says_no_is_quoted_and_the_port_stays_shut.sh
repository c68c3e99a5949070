#!/bin/bash
# SPDX-License-Identifier: MIT
# The CA's policy refuses the name: the run fails, says what the CA said, and leaves everything as it was.
. "$(dirname "$0")/lib/lab.sh"

ca_start
write_policy :8080 'inet filter input' blocked.test
write_config blocked.test
nginx_start blocked.test
broker_start
before=$(ruleset)
old=$(served_certificate blocked.test)
run certlatch renew
expect_status 1
expect_says blocked.test rejectedIdentifier
expect_shut
expect_equal 'openings' 0 "$(audited 'open http' done)"
expect_equal 'the ruleset' "$before" "$(ruleset)"
expect_equal 'the certificate served' "$old" "$(served_certificate blocked.test)"
