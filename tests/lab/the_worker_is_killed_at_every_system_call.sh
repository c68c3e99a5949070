#!/bin/bash
# SPDX-License-Identifier: MIT
# Each of the worker's processes is killed at the entry of its system calls in turn, while it gets its first certificate and
# while it renews one, compares what is served and runs a command. After each kill the port is shut, the ruleset is the one
# from before and no process is left; the pair on disk is whole; the next run completes, with the right certificate
# installed, served and told to the command, and the state as it should be; and the run after that has nothing to do.
#
# At each of all 6,500 calls with CRASH_EVERY=0 and CERTLATCH_LAB_SECONDS=20000, which takes three hours; otherwise
# CRASH_EVERY=N kills at every (40 N)th call, which is every 200th unless it is set, and every 400th under tests/run. A test
# that kills less than it set out to has failed.
export CERTLATCH_LAB_SECONDS=${CERTLATCH_LAB_SECONDS:-2400}
. "$(dirname "$0")/lib/lab.sh"

every=$((${CRASH_EVERY:-5} * 40))
[ $every -gt 0 ] || every=1
told=/var/lib/told/last
install -d -m 0777 /var/lib/told
printf '%s\n' '#!/bin/sh' 'echo "$RENEWED_DOMAINS" > '$told > /usr/local/bin/tell
chmod 0755 /usr/local/bin/tell
ca_start
host_up
printf '%s\n' 'verify    = example.test:443' 'deployed  = /usr/local/bin/tell' >> $config
before=$(ruleset)
pair=$pairs/example.test

forget_everything() {
  broker_stop
  rm -rf "${worker_state:?}"/* "${broker_state:?}"/* "${pair:?}"
  broker_start
}
state_files() { (cd $worker_state && find . -type f | sort); }
worker_is_gone() { [ -z "$(processes_of certlatch)" ] && ruleset_is "$before"; }
pair_is_whole() {
  [ -e $pair/live ] || return 0
  [ "$(openssl pkey -in $pair/live/privkey.pem -pubout)" = "$(openssl x509 -in $pair/live/fullchain.pem -noout -pubkey)" ] &&
    cmp -s <(cat $pair/live/cert.pem $pair/live/chain.pem) $pair/live/fullchain.pem
}

lives=0 kills=0
one_life() {  # WHAT PROCESS N COMMAND...
  local what="$1: $2 killed at call $3"
  shift
  lives=$((lives + 1))
  run $bin/lab-kill "$1" "$2" "${as_worker_command[@]}" "${@:3}"
  # 137: the main process was killed; 64 and more: another one was, and the main process said what it made of that.
  if [ $status -ge 64 ]; then kills=$((kills + 1)); fi
  if [ $status -ge 64 ] && [ $status != 137 ] && [ $status -gt 68 ]; then fail "exit status $((status - 64)) $what: $said"; fi
  wait_until "the worker to be gone, $what" worker_is_gone
  for family in 4 6; do
    expect_equal "port 80 over IPv$family, $what" dropped "$(port 80 $family 20)"
  done
  pair_is_whole || fail "the pair on disk is not whole, $what"
  local disturbed=$status
  run certlatch renew
  echo "$what; the next run, exit status $status: $said" > $lab/log/run
  expect_status 0
  # What failed waits for a while before it is tried again, silently. And the key of a renewal that was forced, and that
  # is not due, is kept for the next.
  if [ $disturbed -gt 64 ] && [ $disturbed != 137 ] || [ "$(state_files)" != "$files" ]; then
    run certlatch renew --force
    echo "$what; the next run with --force, exit status $status: $said" > $lab/log/run
    expect_status 0
  fi
  expect_issued example.test
  [ $told -nt $pair/live/fullchain.pem ] || fail "the command was not told of what is installed, $what"
  expect_equal "what is pending, $what" '' "$(grep pending $worker_state/certificates/example.test/state || true)"
  expect_equal "the chain in the state, $what" "$(cat $pair/live/fullchain.pem)" "$(cat $worker_state/certificates/example.test/chain.pem)"
  expect_equal "the files of the state, $what" "$files" "$(state_files)"
  run certlatch renew
  expect_status 0
  expect_silent
}

for what in 'the first certificate' 'a renewal'; do
  command=($bin/certlatch renew)
  if [ "$what" = 'a renewal' ]; then command+=(--force); else forget_everything; fi
  run $bin/lab-kill none 0 "${as_worker_command[@]}" "${command[@]}"
  expect_status 0
  files=$(state_files)
  cp $said_file $lab/log/calls
  for process in "${command[*]}" 'certlatch role keeper' 'certlatch role acme' 'certlatch role responder' \
    'certlatch role verify' 'certlatch role dns'; do
    calls=$(awk -v name="$process" '{ n = $1; sub(/^[0-9]+ /, "") } $0 == name && n > most { most = n } END { print most + 0 }' $lab/log/calls)
    if [ "$calls" = 0 ] && [ "$process" != 'certlatch role dns' ]; then fail "no $process was seen"; fi
    for ((at = 1; at <= calls; at += every)); do
      if [ "$what" = 'the first certificate' ]; then forget_everything; fi
      one_life "$what" "$process" $at "${command[@]}"
    done
  done
done
# How often a process waits is not the same each time: the last few calls may not come again.
[ $kills -ge $((lives * 9 / 10)) ] || fail "only $kills of $lives lives were disturbed by a kill"
echo "survived $kills kills in $lives runs"
