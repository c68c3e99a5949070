#!/bin/bash
# SPDX-License-Identifier: MIT
# The broker is stopped in the middle of a lease: the kernel shuts the port when the time is up, no later, and cuts the
# connections that came in through it. Both directions are cut: the client hears nothing more.
. "$(dirname "$0")/lib/lab.sh"

host_up
drip 8080
watch_doors
say time open:http:3 time hold
expect_open
kill -STOP $broker_pid
for family in 4 6; do
  address=host$family
  outside "$door" take "${!address}" 80 > $lab/log/take.$family 2>&1 < /dev/null &
done
{ read -r asked; read -r answered; } < <(said_times)
# The kernel counts in ticks of up to 10 ms.
expect_shut_between $((asked + 3000 - 20)) $((answered + 3000 + 30))
echo "shut after $shut_after, of 20 ms before the end of a lease of 3 s"
for family in 4 6; do
  heard=$(tail -n 1 $lab/log/take.$family)
  [ "$(wc -l < $lab/log/take.$family)" -gt 50 ] || fail "the request over IPv$family was not under way: $heard"
  if [ "${heard% *}" -gt $((answered + 3000 + 30)) ]; then
    fail "the client over IPv$family still heard something $((${heard% *} - answered - 3000)) ms after the end: $heard"
  fi
done
