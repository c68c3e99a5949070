#!/bin/bash
# SPDX-License-Identifier: MIT
# `jitter`: a run without a terminal waits for a random part of it before it talks to anybody; a person's does not wait.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
sed -i '1i [worker]\njitter = 24h\n' $config
run timeout 2 "${as_worker_command[@]}" $bin/certlatch renew
expect_status 124
if grep -q hello $audit; then fail 'it did not wait before it asked the broker'; fi

run script --quiet --return --command "${as_worker_command[*]} $bin/certlatch renew" /dev/null
expect_status 0
expect_issued example.test
run timeout 2 "${as_worker_command[@]}" $bin/certlatch renew
expect_silent
