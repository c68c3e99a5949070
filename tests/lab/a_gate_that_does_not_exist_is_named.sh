#!/bin/bash
# SPDX-License-Identifier: MIT
# The policy names a table or a chain that the ruleset does not have: Open is refused with its name, and the run ends
# with the broker's refusal.
. "$(dirname "$0")/lib/lab.sh"

ca_start
for gate in 'inet nosuchtable input' 'inet filter nosuchchain'; do
  host_up :8080 "$gate"
  before=$(ruleset)
  run certlatch renew
  expect_status 3
  expect_says nosuch "does not exist" "line $(grep -n ^gate $policy | cut -d: -f1)"
  expect_shut
  expect_equal 'the ruleset' "$before" "$(ruleset)"
  broker_stop
  nginx_stop
  rm -rf "${pairs:?}"/example.test $worker_state/certificates
done
