#!/bin/bash
# SPDX-License-Identifier: MIT
# Without a policy the broker does not start, and says which file it looked for.
. "$(dirname "$0")/lib/lab.sh"

run "${broker_command[@]}"
expect_status 1
expect_says $policy 'No such file'
run ls $socket
expect_different 'exit status of looking for the socket' "$status" 0
