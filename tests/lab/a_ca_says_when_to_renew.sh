#!/bin/bash
# SPDX-License-Identifier: MIT
# Renewal information (RFC 9773): asked for as often as the CA wishes, followed, and named in the order; and what becomes
# of it when the CA refuses it, has none, or breaks off.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
renewed() { run certlatch renew --changed; [ "$status" = 10 ]; }

faults 'ari 3600 7200 60'
renewed || fail "nothing was issued: $said"
run certlatch renew
expect_silent
expect_equal 'questions' 1 "$(asked renewalinfo)"
run certlatch renew  # a minute has not passed
expect_equal 'questions' 1 "$(asked renewalinfo)"
at=$(sed -n 's/^renewal-window [0-9]* [0-9]* //p' $worker_state/certificates/example.test/state)
now=$(date +%s)
[ "$at" -ge $((now + 3500)) ] && [ "$at" -lt $((now + 7300)) ] || fail "a moment outside the window: $at, now is $now"
run certlatch status
expect_says ' renew ' " $(date -u -d "@$at" '+%Y-%m-%d %H:%M') UTC"

ask_now() { sed -i '/^ask-again /d' $worker_state/certificates/example.test/state; }
id=$(sed -n 's/^renewal-id //p' $worker_state/certificates/example.test/state)
faults 'ari -7200 -3600 60'
ask_now
renewed || fail "the window is over, and nothing was renewed: $said"
grep -q "^ORDER replaces=$id$" $proxy_log || fail "the order does not name $id: $(cat $proxy_log)"

faults 'ari -7200 -3600 60' 'neworder alreadyreplaced'
ask_now
renewed || fail "the CA refused to see it replaced, and nothing was renewed: $said"
expect_equal 'orders placed' 2 "$(grep -c ' neworder ' $proxy_log)"

for trouble in 'renewalinfo cut' 'renewalinfo html' 'renewalinfo 500' 'renewalinfo redirect'; do
  faults 'ari -7200 -3600 60' "$trouble"
  ask_now
  run certlatch renew
  expect_status 0
  expect_silent
done
faults
ask_now
run certlatch renew
expect_silent
expect_shut
