#!/bin/bash
# SPDX-License-Identifier: MIT
# `jitter`: a run without a terminal waits for a random part of it before it talks to anybody; a person's does not wait.
# It says so to whoever wants to know it all, and nothing to cron.
. "$(dirname "$0")/lib/lab.sh"

ca_start
host_up
sed -i '1i [worker]\njitter = 24h\n' $config
run timeout 2 "${as_worker_command[@]}" $bin/certlatch renew
expect_status 124
if grep -q hello $audit; then fail 'it did not wait before it asked the broker'; fi
expect_equal 'what is said in plain lines' '' "$said"
run timeout 2 "${as_worker_command[@]}" $bin/certlatch renew --verbose
expect_status 124
expect_says 'jitter: waits for a random time before it begins, until 20'
run timeout 2 "${as_worker_command[@]}" $bin/certlatch renew --json
expect_status 124
echo "$said" | python3 -c '
import json, sys, time
(event,) = [json.loads(line) for line in sys.stdin]
assert event["event"] == "wait" and event["text"].startswith("jitter: "), event
assert 0 < event["until"] - time.time() < 24 * 3600, event'
run timeout 2 "${as_worker_command[@]}" $bin/certlatch renew --json --quiet
expect_equal 'what is said with --quiet' '' "$said"

run script --quiet --return --command "${as_worker_command[*]} $bin/certlatch renew" /dev/null
expect_status 0
expect_issued example.test
run timeout 2 "${as_worker_command[@]}" $bin/certlatch renew
expect_silent
