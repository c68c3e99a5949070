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

# Whatever it says to `replaces`, the order without it is placed.
for refusal in 500:serverInternal 502 400:notKnownToday 404 409; do
  faults 'ari -7200 -3600 60' "neworder replaces:$refusal"
  ask_now
  renewed || fail "the CA refused with $refusal to see it replaced, and nothing was renewed: $said"
  expect_equal "orders placed, with $refusal" 1 "$(grep -c ' neworder 201$' $proxy_log)"
  expect_equal "orders with \`replaces\`, with $refusal" "$(grep -c ' neworder [45]' $proxy_log)" "$(grep -c '^ORDER replaces=' $proxy_log)"
done

for trouble in 'renewalinfo cut' 'renewalinfo html' 'renewalinfo 500' 'renewalinfo redirect'; do
  faults 'ari -7200 -3600 60' "$trouble"
  ask_now
  run certlatch renew
  expect_status 0
  expect_silent
done

# A CA that is busy is not waited for: it is asked again when it says, but in a day at the latest.
for busy in renewalinfo directory; do
  for answer in 503:80000 429:20 503:864000; do
    faults 'ari -7200 -3600 60' "$busy $answer"
    ask_now
    began=$(date +%s)
    run certlatch renew
    expect_status 0
    expect_silent
    [ $(($(date +%s) - began)) -lt 15 ] || fail "the run waited for $busy $answer"
    expect_equal "questions, with $busy $answer" 1 "$(asked $busy)"
    wait=$(($(sed -n 's/^ask-again //p' $worker_state/certificates/example.test/state) - began))
    case $answer in *:80000) least=80000 ;; *:20) least=60 ;; *) least=86400 ;; esac
    [ $wait -ge $least ] && [ $wait -lt $((least + 15)) ] || fail "with $busy $answer it is asked again in $wait seconds"
  done
done
faults
ask_now
run certlatch renew
expect_silent
expect_shut
