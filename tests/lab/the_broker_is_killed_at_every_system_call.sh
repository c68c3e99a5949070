#!/bin/bash
# SPDX-License-Identifier: MIT
# The broker is killed at the entry of each of its system calls in turn, through a whole serving life: start, both
# forms of opening, install, restart. After each kill the port is shut, no neighbour gets at the host's loopback, and
# the pair on disk is whole; after the next start ruleset, toggle and run directory are as they were before.
#
# CRASH_EVERY=N kills at every Nth call only: 5 unless it is set, 1 for all of them. What comes before the policy is
# read, the same each time, is thinned out more. A test that kills less than it set out to has failed.
export CERTLATCH_LAB_SECONDS=${CERTLATCH_LAB_SECONDS:-1500}
. "$(dirname "$0")/lib/lab.sh"

every=${CRASH_EVERY:-5}
toggle=/proc/sys/net/ipv4/conf/eth0/route_localnet
{
  policy_head
  policy_open
  printf '%s\n' '' '[open local]' 'port = 81' 'to = 127.0.0.1:8081' 'interface = eth0' 'gate = inet filter input' \
    'at most = 1m'
  policy_install example.test
  printf '%s\n' '' '[service nginx]' 'command = /bin/true' 'check = /bin/true'
} > $policy

# Two pairs, so that each install replaces the other's.
for n in 1 2; do
  self_signed $lab/ca$n.key $lab/ca$n.pem DNS:ca.test
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=example.test -keyout $lab/key$n \
    -out $lab/csr$n 2> /dev/null
  openssl x509 -req -in $lab/csr$n -CA $lab/ca$n.pem -CAkey $lab/ca$n.key -CAcreateserial -days 20 \
    -extfile <(echo subjectAltName=DNS:example.test) -out $lab/leaf$n 2> /dev/null
  cat $lab/leaf$n $lab/ca$n.pem > $lab/chain$n
  chmod 644 $lab/key$n $lab/chain$n
done

drip 8080 8081

life() {  # N: the pair to install
  as_worker $bin/lab-say $socket status open:http:30 close open:local:30 close "install:example.test:$lab/chain$1:$lab/key$1" \
    restart:nginx status
}

run_state() { ls -A /run/certlatch; }
pair_is_whole() {
  [ -e $pairs/example.test/live ] || return 0
  local live=$pairs/example.test/live
  [ "$(openssl pkey -in $live/privkey.pem -pubout 2> /dev/null)" = "$(openssl x509 -in $live/fullchain.pem -noout -pubkey 2> /dev/null)" ] &&
    cmp -s <(cat $live/cert.pem $live/chain.pem) $live/fullchain.pem
}

# One whole life unharmed: how many calls there are, and what the host looks like at rest.
trust_neighbour
before=$(ruleset)
strace -qq -o $lab/log/calls "${broker_command[@]}" > $broker_log 2>&1 < /dev/null &
tracer=$!
wait_until 'the broker' grep -q " 00010000 .* $socket\$" /proc/net/unix
life 1 > $lab/log/life || fail "the life without a kill: $(cat $lab/log/life $broker_log)"
kill -TERM "$(pgrep -P $tracer)"
wait $tracer || true
# strace counts the calls of each name apart: a line for each call, its name and its number among those.
awk -F'(' '/^[a-z_0-9]+\(/ { print $1, ++seen[$1] }' $lab/log/calls > $lab/log/numbered
mapfile -t calls < $lab/log/numbered
started=$(awk '$1 == "prctl" { print NR; exit }' $lab/log/numbered)
at_rest=$(run_state)
expect_equal 'the ruleset after a life without a kill' "$before" "$(ruleset)"

# The shell says "Killed" of each: not into the test's own words.
exec 3>&2 2> $lab/log/shell
fail() {
  echo "FAILED: $*" >&3
  exit 1
}

lives=0 kills=0 guarded=0 n=1
for ((at = 0; at < ${#calls[@]}; at += step)); do
  step=$every
  if [ $at -lt $((started - 150)) ]; then step=$((every * 20)); fi
  read -r call number <<< "${calls[at]}"
  n=$((3 - n))
  rm -f $socket
  strace -qq -o /dev/null -e "inject=$call:signal=KILL:when=$number" "${broker_command[@]}" \
    > $broker_log 2>&1 < /dev/null &
  tracer=$!
  for ((tries = 0; tries < 500; ++tries)); do
    if [ -S $socket ] || ! kill -0 $tracer 2> /dev/null; then break; fi
    sleep 0.005
  done
  life $n > $lab/log/life 2>&1 || true
  if kill -0 $tracer 2> /dev/null; then
    # A life that ended before this call came, or a broker that is about to end.
    broker=$(pgrep -P $tracer || true)
    if [ -n "$broker" ]; then kill -TERM "$broker" 2> /dev/null || true; fi
  fi
  # strace ends as its broker did.
  end=0
  wait $tracer 2> /dev/null || end=$?
  lives=$((lives + 1))
  if [ $end = 137 ]; then kills=$((kills + 1)); fi

  what="after a kill at call $at, $call number $number"
  for family in 4 6; do
    for port in 80 81; do
      expect_equal "port $port over IPv$family $what" dropped "$(port $port $family 20)"
    done
  done
  if [ "$(cat $toggle)" = 1 ]; then
    guarded=$((guarded + 1))
    expect_equal "what a neighbour gets while route_localnet is set, $what" "$neighbour_gets_nothing" "$(neighbour_gets)"
  fi
  pair_is_whole || fail "the pair on disk is not whole, $what: $(ls -lR $pairs/example.test)"

  if [ "$(ruleset)" != "$before" ] || [ "$(cat $toggle)" != 0 ] || [ "$(run_state)" != "$at_rest" ]; then
    rm -f $socket
    broker_start
    wait_until 'the broker to serve' grep -q outcome=started $broker_log
    expect_equal "the ruleset at the next start $what" "$before" "$(ruleset)"
    expect_equal "route_localnet at the next start $what" 0 "$(cat $toggle)"
    pair_is_whole || fail "the pair on disk is not whole at the next start, $what"
    broker_stop
    expect_equal "the run directory after the next life $what" "$at_rest" "$(run_state)"
  fi
done
# Some calls do not come again: how often poll(2) is called depends on the machine.
[ $kills -ge $((lives * 9 / 10)) ] || fail "only $kills of $lives lives were ended by a kill"
[ $guarded -gt 0 ] || fail 'no kill left route_localnet set'
echo "survived $kills kills in $lives lives of ${#calls[@]} system calls each; $guarded left route_localnet set, and guarded"
