#!/bin/bash
# SPDX-License-Identifier: MIT
# Power that fails between any two steps: what was renamed into place had been forced to the disk before, and the rename is
# forced there before the worker or the broker tells anyone or goes on. So the disk holds each file whole, old or new, and
# what one side was told is not forgotten by the other. (the_worker_is_killed_... and the_broker_is_killed_at_every_system_call
# show that a run goes on from any such point.)
. "$(dirname "$0")/lib/lab.sh"

calls=openat,mkdirat,symlinkat,write,writev,pwrite64,fsync,fdatasync,renameat,renameat2,rename,sendmsg,sendto,connect
durable() { python3 "$lab_tree/tests/lab/probe/durable.py" "$@"; }
ca_start
host_up
strace -f -y -o $lab/log/broker.calls -e trace=$calls -p $broker_pid 2> $lab/log/strace < /dev/null &
strace_pid=$!
wait_until 'strace to be there' grep -q attached $lab/log/strace
run strace -f -y -o $lab/log/worker.calls -e trace=$calls "${as_worker_command[@]}" $bin/certlatch renew
expect_status 0
run strace -f -y -o $lab/log/again.calls -e trace=$calls "${as_worker_command[@]}" $bin/certlatch renew --force
expect_status 0
expect_issued example.test
broker_stop
wait $strace_pid 2> /dev/null || true

run durable $lab/log/broker.calls $pairs $broker_state
expect_status 0
[ "$said" -ge 4 ] || fail "only $said renames of the broker were seen"
for calls in worker again; do
  run durable $lab/log/$calls.calls $worker_state
  expect_status 0
  [ "$said" -ge 6 ] || fail "only $said renames of the worker were seen"
done

# The look is one that finds fault: the same without a call to fsync.
sed '/ fsync(/d' $lab/log/worker.calls > $lab/log/unsynced.calls
run durable $lab/log/unsynced.calls $worker_state
expect_status 1
expect_says 'not fsynced before'
