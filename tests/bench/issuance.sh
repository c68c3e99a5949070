#!/bin/bash
# SPDX-License-Identifier: MIT
# What issuing costs: certlatch beside the other clients that Debian packages, in one run on one lab, for one certificate
# and for many that are due together; and then the same with a round trip of so many milliseconds between host and CA.
# How each figure is taken says costs.py, how each client is called clients.py. certlatch does more in that time: it opens
# and shuts the port, installs the pairs, and has nginx check and reload them; its broker is started by its socket, and
# ends, in every run. Clients that are not installed are left out. Nothing passes or fails.
#
#   tests/bench/issuance.sh
#
# Environment: BENCH_COUNTS ("1 50"), BENCH_DELAYS in milliseconds ("0 40"), BENCH_REPEATS for one certificate and for many
# ("9 0"; 0: certlatch five times, the others once, since 50 certificates take them minutes), BENCH_PARALLEL (another
# certlatch, with so many orders at once, where there are many), BENCH_CLIENTS, BENCH_RESULTS (see lib/contest.sh).
. "$(dirname "$(readlink -f "$0")")/lib/contest.sh"
read -r repeats_of_one repeats_of_many <<< "${BENCH_REPEATS:-9 0}"

for count in ${BENCH_COUNTS:-1 50}; do
  mapfile -t names < <(site_names "$count")
  host_with "${names[@]}"
  repeats=$repeats_of_one title='1 certificate'
  if [ "$count" -gt 1 ]; then
    repeats=$repeats_of_many title="$count certificates"
    if [ -n "${BENCH_PARALLEL:-}" ]; then
      { printf '%s\n' '[worker]' "parallel = $BENCH_PARALLEL" ''; cat $config; } > $lab/parallel.conf
      export bench_configs="certlatch=$config certlatch,$BENCH_PARALLEL=$lab/parallel.conf"
    fi
  fi
  prepare=prepare
  for delay in ${BENCH_DELAYS:-0 40}; do
    if [ "$delay" = 0 ]; then wire_restored; else wire_delayed "$delay"; fi
    case="issuing, $title, round trip of $(round_trip) ms"
    echo "$case" >&2
    /usr/bin/python3 "$bench/issuance.py" "$case" "$count" "$repeats" $prepare
    prepare=
  done
  wire_restored
  nginx_stop
done
print_table
