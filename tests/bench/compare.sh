#!/bin/bash
# SPDX-License-Identifier: MIT
# certlatch beside the other clients that Debian packages: issuing, looking after what is not due, and many certificates of
# one server. It takes as many minutes as the slowest of them, about an hour; the environment of the three scripts makes it
# shorter: BENCH_COUNTS='1 10' takes a third of that.
#
#   sudo ninja -C build/release compare
here=$(dirname "$(readlink -f "$0")")
BENCH_RESULTS=$(mktemp)
export BENCH_RESULTS
trap 'rm -f "$BENCH_RESULTS"' EXIT

"$here/issuance.sh" && "$here/idle.sh"
printf '\n%s\n' "$(date -u '+%F %R UTC'), Linux $(uname -r), $(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg)"
echo 'In each cell: the ratio to certlatch, the median, and in brackets the least and the most of all runs.'
/usr/bin/python3 "$here/table.py" "$BENCH_RESULTS"
"$here/deployment.sh"
