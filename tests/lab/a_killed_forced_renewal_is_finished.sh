#!/bin/bash
# SPDX-License-Identifier: MIT
# A forced renewal that is killed before it has its certificate is gone on with by the next run, though nothing is due;
# no private key is left behind.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
run certlatch renew
expect_status 0
faults 'finalize 503:30'
certlatch renew --force > $lab/log/killed 2>&1 &
forced=$!
wait_until 'the key to be there' test -e $worker_state/certificates/example.test/privkey.pem
is_asked() { [ "$(asked finalize)" != 0 ]; }
wait_until 'the CA to be asked' is_asked
kill -KILL $(processes_of certlatch) 2> /dev/null || true
wait $forced || true
wait_until 'the worker to be gone' no_worker_runs
test -e $worker_state/certificates/example.test/privkey.pem
faults
run certlatch renew
expect_status 0
expect_says 'example.test: certificate issued' 'installed as example.test, version 2'
expect_equal 'keys that are left' '' "$(find $worker_state -name '*privkey.pem*')"
run certlatch renew
expect_silent
