#!/bin/bash
# SPDX-License-Identifier: MIT
# Before the first request is read, the broker is no longer root: another uid, the capabilities that the policy calls for
# and no other, no new privileges, seccomp; its inspector has nothing at all; and what remains root, the runner, has no socket.
. "$(dirname "$0")/lib/lab.sh"

host_up
runner=$(processes_of certlatch-runner)
inspector=$(processes_of certlatch-inspector)
net_admin=0000000000001000 chown_too=0000000000001001 none=0000000000000000

expect_equal 'uid of the broker' 872 "$(process_field $broker_pid Uid)"
# The pair is to be root's: CAP_CHOWN, too. What it has it may use, and it can get no other.
expect_capabilities() {  # THOSE
  local set
  for set in CapEff CapPrm; do expect_equal "the broker's $set" "$1" "$(process_field $broker_pid $set)"; done
  for set in CapInh CapBnd CapAmb; do expect_equal "the broker's $set" $none "$(process_field $broker_pid $set)"; done
}
expect_capabilities $chown_too
expect_equal 'uid of the inspector' "$(id -u nobody)" "$(process_field $inspector Uid)"
expect_equal 'capabilities of the inspector' $none "$(process_field $inspector CapEff)"
for process in $broker_pid $inspector; do
  expect_equal "NoNewPrivs of process $process" 1 "$(process_field $process NoNewPrivs)"
  expect_equal "Seccomp of process $process" 2 "$(process_field $process Seccomp)"
done
expect_equal 'uid of the runner' 0 "$(process_field $runner Uid)"
# One stream joins inspector and runner to the broker; neither holds the socket on which the worker is heard, and
# neither has a descriptor of the network.
listening=$(awk -v socket=$socket '$8 == socket { print $7 }' /proc/net/unix | head -1)
for process in $runner $inspector; do
  if find /proc/$process/fd -lname "socket:\[$listening\]" | grep -q .; then
    fail "process $process holds the listening socket"
  fi
done
forge 1 "$(hello)"
expect_says landlock seccomp cap_chown

# Where every entry's owner is the broker itself, it may give nothing away.
broker_stop
sed -i 's/^owner .*/owner = certlatch-broker:certlatch-broker/' $policy
broker_start
expect_capabilities $net_admin
forge 1 "$(hello)"
expect_says landlock seccomp
case $said in *cap_chown*) fail "CAP_CHOWN is said to be there: $said" ;; esac
