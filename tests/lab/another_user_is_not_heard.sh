#!/bin/bash
# SPDX-License-Identifier: MIT
# Only the policy's worker is heard: neither another user of the socket's group nor root is, and the log says so.
. "$(dirname "$0")/lib/lab.sh"

host_up
run setpriv --reuid certlatch-broker --regid certlatch --clear-groups $bin/lab-frame $socket "$(hello)" 1
expect_says ended
expect_no_answer
expect_equal 'violations' 1 "$(audited connection violation)"
run $bin/lab-frame $socket "$(hello)" 1
expect_says ended
expect_no_answer
run setpriv --reuid certlatch-broker --regid certlatch-broker --clear-groups $bin/lab-frame $socket "$(hello)" 1
expect_says 'Permission denied'
# The worker itself is heard all the same.
forge 1 "$(hello)"
expect_says '81 '
