#!/bin/bash
# SPDX-License-Identifier: MIT
# certlatch beside the other clients that Debian packages: issuing, looking after what is not due, and many certificates of
# one server; the tables of docs/operations.md. It takes as many minutes as the slowest of them, about an hour on a
# machine that does nothing else; the environment of the three scripts makes it shorter: BENCH_COUNTS='1 10' halves it.
#
#   sudo ninja -C build/release compare
#   sudo tests/bench/compare.sh --keep FILE      keeps each run's figures, for table.py; added to those that are there
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
case ${1:-} in
  --keep) BENCH_RESULTS=$(readlink -f "${2:?--keep needs a file}") ;;
  '')
    BENCH_RESULTS=$(mktemp)
    trap 'rm -f "$BENCH_RESULTS"' EXIT
    ;;
  *) sed -n '3,8s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
export BENCH_RESULTS

for figures in issuance idle deployment; do "$here/$figures.sh"; done
/usr/bin/python3 "$here/table.py" "$BENCH_RESULTS"
