#!/bin/bash
# SPDX-License-Identifier: MIT
# What a run costs that has nothing to do, however many certificates there are: the usual case of a cron job. Beside it
# the others that Debian packages, with as many as their users would have. How each figure is taken says costs.py.
#
#   tests/bench/idle.sh [COUNT...]
#
# Environment: BENCH_COUNTS_IDLE ("1 100 1000 10000"), BENCH_REPEATS_IDLE (9), BENCH_CLIENTS, BENCH_OTHERS_UP_TO (1000: with how
# many certificates the others take part; beyond 100 once, which takes dehydrated minutes), BENCH_RESULTS (see lib/contest.sh).
. "$(dirname "$(readlink -f "$0")")/lib/contest.sh"
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- ${BENCH_COUNTS_IDLE:-1 100 1000 10000}
others=$bench_clients

for count in "$@"; do
  # certlatch's certificates are made by hand, as an earlier run would have left them; so are the others' (clients.py).
  rm -rf "${worker_state:?}" "${pairs:?}" && /usr/bin/python3 "$bench/fleet.py" "$count" $config $worker_state $pairs 871
  bench_clients='' once=''
  if [ "$count" -le "${BENCH_OTHERS_UP_TO:-1000}" ]; then bench_clients=$others; fi
  if [ -n "$bench_clients" ] && [ "$count" -gt 100 ]; then once=once; fi
  echo "nothing due, $count" >&2
  /usr/bin/python3 "$bench/idle.py" "$count" "${BENCH_REPEATS_IDLE:-9}" $once
done
print_table
