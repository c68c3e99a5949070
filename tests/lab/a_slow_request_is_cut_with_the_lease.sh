#!/bin/bash
# SPDX-License-Identifier: MIT
# The time is up, or the worker closes the lease, in the middle of an answer that takes long: the client gets no byte
# of it any more, whatever the admin's ruleset says of established connections.
. "$(dirname "$0")/lib/lab.sh"

host_up
drip 8080
before=$(ruleset)
for steps in 'time open:http:3 time hold' "open:http:60 $later time close time hold"; do
  # shellcheck disable=SC2086
  say $steps
  wait_until 'the lease' grep -q '^open: lease' $lab/log/say
  for family in 4 6; do
    address=host$family
    outside "$door" take "${!address}" 80 > $lab/log/take.$family 2>&1 < /dev/null &
  done
  sleep 1
  go_on
  wait_until 'the lease to end' ruleset_is "$before"
  end=$(said_times | tail -n 1)
  case $steps in time*) end=$((end + 3000)) ;; esac
  sleep 0.5
  for family in 4 6; do
    heard=$(tail -n 1 $lab/log/take.$family)
    [ "$(wc -l < $lab/log/take.$family)" -gt 50 ] || fail "the request over IPv$family was not under way: $heard"
    if [ "${heard% *}" -gt $((end + 30)) ]; then
      fail "the client over IPv$family still heard something $((${heard% *} - end)) ms after the end: $heard"
    fi
    echo "$steps: last byte over IPv$family $((end - ${heard% *})) ms before the end"
  done
  end $say_pid
done
