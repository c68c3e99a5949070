#!/bin/bash
# SPDX-License-Identifier: MIT
# After a run the ruleset is the one from before, to the letter: table, gate, marks and all are gone.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
before=$(ruleset)
run certlatch renew
expect_status 0
expect_equal 'the ruleset after a run' "$before" "$(ruleset)"
hold_lease
expect_different 'the ruleset during a lease' "$before" "$(ruleset)"
end $holder_pid
wait_until 'the lease to end' ruleset_is "$before"
