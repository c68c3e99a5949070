#!/bin/bash
# SPDX-License-Identifier: MIT
# Each table of figures in docs/operations.md stands between the marks at which tests/bench/table.py puts a new one in its
# place, and begins with when and on what it was measured.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

status=0
for figures in issuing 'nothing due' 'one nginx'; do
  table=$(sed -n "/^<!-- figures: $figures -->\$/,/^<!-- end of figures: $figures -->\$/p" docs/operations.md)
  if ! sed -n 2p <<< "$table" | grep -qE '^Measured on 20[0-9]{2}-[0-9]{2}-[0-9]{2}.*, Linux [0-9.]+, [0-9]+ (busy )?processors' ||
    ! grep -qE '^\| *\| certlatch \|' <<< "$table"; then
    echo "docs/operations.md has no table, with when it was measured, for the figures: $figures"
    status=1
  fi
done
exit $status
