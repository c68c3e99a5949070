#!/bin/bash
# SPDX-License-Identifier: MIT
# The figures: what there is to read, what the broker takes at rest, how long a door takes to open, how long an
# issuance takes. Nothing here passes or fails; the bounds on size and memory are tests of their own.
#
#   sudo ninja -C build/release measure
export CERTLATCH_BUILD=${CERTLATCH_BUILD:-$(dirname "$(readlink -f "$0")")/../../build/release}
. "$(dirname "$(readlink -f "$0")")/../lab/lib/lab.sh"

bench=$lab/tree/tests/bench
echo '== code'
"$bench/size.sh"

ca_start
host_up
echo '== memory'
printf 'certlatchd at rest: %d KiB beyond shared libraries\n' "$("$bench/memory.sh" "$broker_pid")"

echo '== time'
milliseconds() {  # LABEL COMMAND...
  local label=$1 began=$EPOCHREALTIME
  shift
  run "$@"
  expect_status 0
  awk -v label="$label" -v from="$began" -v to="$EPOCHREALTIME" \
    'BEGIN { printf "%-42s %6.0f ms\n", label, (to - from) * 1000 }'
}
milliseconds 'first certificate, with a new account' certlatch renew
for _ in 1 2 3; do milliseconds 'issue, install and reload' certlatch renew --force; done
for _ in 1 2 3; do milliseconds 'a run with nothing to do' certlatch renew; done
printf 'certlatchd after that: %d KiB beyond shared libraries\n' "$("$bench/memory.sh" "$broker_pid")"

# Last, since it leaves a large ruleset behind.
broker_stop
echo '== a door: medians of 200; of nft on a large ruleset, of 20'
"$bin/lease-latency" 200
