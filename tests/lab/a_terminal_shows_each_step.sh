#!/bin/bash
# SPDX-License-Identifier: MIT
# On a terminal a run shows each certificate's steps as they happen, and what it waits for; elsewhere plain lines, nothing
# with --quiet, the protocol with --verbose, and an object for each event with --json. Ctrl-C shuts the door at once, and
# the next run goes on from there.
. "$(dirname "$0")/lib/lab.sh"

misbehaving_ca
# on_terminal [--keys TEXT:BYTES] COMMAND...: its exit status, and all that it wrote to a terminal of 100 columns.
on_terminal() {
  status=0
  python3 "$lab_tree/tests/lab/probe/terminal.py" "$said_file" "$@" || status=$?
  said=$(cat $said_file)
}
worker=("${as_worker_command[@]}" TERM=xterm $bin/certlatch)

# Every step, in its order.
on_terminal "${worker[@]}" renew
expect_status 0
expect_in_order() {
  local rest=$said text
  for text in "$@"; do
    case $rest in
      *"$text"*) rest=${rest#*"$text"} ;;
      *) fail "\"$text\" was expected, after what stands before it, in:"$'\n'"$said" ;;
    esac
  done
}
expect_in_order 'example.test  looks for the CA and the account' 'example.test  places an order' \
  'example.test  reads what is to be proved' 'example.test  has the port opened' \
  "example.test  waits for the CA's decision on example.test, until " 'example.test  makes a key' \
  'example.test  sends the request to be signed' 'example.test: certificate issued' 'example.test  installs' \
  'nginx  restarts' 'example.test: installed as example.test' 'nginx: restarted'
# What is replaced leaves nothing behind: the lines that stay are those of a pipe.
expect_equal 'what stays on the screen' 'example.test: certificate issued|example.test: installed as example.test|nginx: restarted|' \
  "$(python3 "$lab_tree/tests/lab/probe/terminal.py" --screen "$said_file" | sed -E 's/, (valid|version).*//' | tr '\n' '|')"

# Plain lines elsewhere.
faults
run certlatch renew --force
expect_status 0
if grep -q $'\x1b\|places an order' $said_file; then fail "steps where there is no terminal: $said"; fi
run certlatch renew --force --quiet
expect_status 0
expect_silent
run certlatch renew --force --verbose
expect_status 0
expect_says 'acme: POST https://ca.test:14001/' ' 201 (' 'broker: open http: done' 'broker: stage example.test: done' 'broker: restart nginx: done'
if grep -qi 'PRIVATE KEY\|eyJ' $said_file; then fail "a secret: $said"; fi

# An object for each event; a wait that the CA asks for says until when, in plain lines as well.
faults 'neworder 503:6 1'
run certlatch renew --force --json
expect_status 0
echo "$said" | python3 -c '
import json, sys, time
events = [json.loads(line) for line in sys.stdin]
wait = [e for e in events if e["event"] == "wait"]
assert len(wait) == 1 and "busy (503)" in wait[0]["text"] and abs(wait[0]["until"] - time.time()) < 30, wait
decision = [e for e in events if e["event"] == "step" and "the CA\x27s decision" in e["text"]]
assert decision and all("until 20" not in e["text"] and 0 < e["until"] - time.time() < 130 for e in decision), decision
steps = [e["text"] for e in events if e["event"] == "step" and e.get("certificate") == "example.test"]
assert "places an order" in steps and "installs" in steps, steps
assert [e for e in events if e["event"] == "done"], events'
faults 'neworder 503:6 1'
run certlatch renew --force
expect_status 0
expect_says '[ca lab]: newOrder: the CA is busy (503) and asks to wait; it is asked again, until 20'

# A restart that takes its time, as well.
broker_stop
sed -i 's|^command = .*|command = /bin/sh -c "sleep 6; exec /usr/sbin/nginx -s reload"|' $policy
broker_start
faults
run certlatch renew --force
expect_status 0
expect_says 'nginx: restarts, until 20'
broker_stop
sed -i 's|^command = .*|command = /usr/sbin/nginx -s reload|' $policy
broker_start

# What failed waits for its time: a person is told when and why, cron is not; and who names it need not wait.
faults 'neworder problem:rejectedIdentifier'
run certlatch renew --force
expect_status 1
faults
sed -i 's/^names     = example.test$/names     = example.test www.example.test/' $config
run certlatch renew
expect_status 0
expect_silent
on_terminal "${worker[@]}" renew
expect_status 0
expect_says 'example.test: next attempt at 20' 'after 1 failure, the last: newOrder: '
run certlatch renew --verbose
expect_status 0
expect_says 'example.test: next attempt at 20'
run certlatch status
expect_status 1
expect_says 'try again' 'newOrder'
run certlatch renew example.test
expect_status 0
expect_issued example.test

# Ctrl-C while the CA looks: shut at once, said, and gone on with.
faults 'authorization set:status="pending"'
on_terminal --keys "the CA's decision:03" "${worker[@]}" renew --force
expect_status 1
expect_says 'example.test: stopped by a signal; the next run goes on from here'
expect_shut
faults
run certlatch renew --force
expect_status 0
expect_equal 'orders placed by the run after it' 0 "$(asked neworder)"
expect_issued example.test
