#!/bin/bash
# SPDX-License-Identifier: MIT
# How much is there to read for whoever wants to read all that ever has privilege? Lines of code, without blank lines
# and comments, of protocol/, policy/ (without policy/tool/) and broker/.
#
#   tests/bench/size.sh [--at-most N]    with a bound, the exit status says whether it holds
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

lines_of_code() {  # ROOM
  find "$1" -path '*/tool' -prune -o -type f \( -name '*.cc' -o -name '*.h' \) -print0 |
    xargs -0 cat | awk '
      /^[ \t]*(\/\/.*)?$/ { next }
      /^[ \t]*\/\*/ { in_comment = 1 }
      !in_comment { ++count }
      /\*\// { in_comment = 0 }
      END { print count + 0 }'
}

total=0
for room in protocol policy broker; do
  count=$(lines_of_code $room)
  printf '%-10s %5d lines of code\n' $room "$count"
  total=$((total + count))
done
printf '%-10s %5d lines of code ever have privilege\n' together $total
if [ "${1:-}" = --at-most ] && [ $total -gt "$2" ]; then
  echo "That is more than $2."
  exit 1
fi
