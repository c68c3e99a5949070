#!/bin/bash
# SPDX-License-Identifier: MIT
# The loopback form, and an interface that goes away in the middle of a lease, and comes back: the lease can be closed,
# the next Open says what to do or works, nothing stays set or guarded, and a restart heals it all. An interface that is
# not there when the broker starts, or that went while no broker ran, is as good.
. "$(dirname "$0")/lib/lab.sh"

toggle=/proc/sys/net/ipv4/conf/eth0/route_localnet
interface_goes() { ip link delete eth0; }
interface_returns() {
  ip link add eth0 type veth peer name wire
  ip link set wire netns /run/netns/outside
  ip address add $host4/24 dev eth0
  ip link set eth0 up
  outside ip address add $ca4/24 dev wire
  outside ip link set wire up
}
nothing_is_stuck() {
  [ "$(cat $toggle)" = 0 ] && ! nft list table inet certlatch_guard 2> /dev/null && ! nft list table inet certlatch 2> /dev/null &&
    [ "$(ls -A /run/certlatch)" = broker.sock ]
}
open_and_close() { run as_worker $bin/lab-say $socket open:http:30 close; }

host_up 127.0.0.1:8080
drip 8080
before=$(ruleset)
say open:http:30 $later close hold
wait_until 'the lease' grep -q '^open: lease' $lab/log/say
expect_equal 'port 80 during the lease' open "$(port 80)"
interface_goes
go_on
wait_until 'the lease to be closed' grep -q '^close: done' $lab/log/say
end $say_pid
wait_until 'the ruleset from before' ruleset_is "$before"
open_and_close
expect_status 1
expect_says 'interface eth0 went away after certlatchd had started: restart it when it is back'
expect_equal 'the ruleset after a refusal' "$before" "$(ruleset)"
interface_returns
open_and_close
expect_status 1
expect_says 'interface eth0 went away after certlatchd had started: restart it when it is back'
wait_until 'nothing to be stuck' nothing_is_stuck
broker_stop
broker_start
open_and_close
expect_status 0
wait_until 'nothing to be stuck' nothing_is_stuck

# Killed in the lease; the interface is gone at the next start, and another one has its name at the one after.
say open:http:30 hold
wait_until 'the lease' grep -q '^open: lease' $lab/log/say
broker_kill
end $say_pid
interface_goes
broker_start
open_and_close
expect_status 1
expect_says 'interface eth0 did not exist when certlatchd started: restart it now that it does'
interface_returns
broker_stop
broker_start
open_and_close
expect_status 0
wait_until 'nothing to be stuck' nothing_is_stuck
expect_equal 'the ruleset in the end' "$before" "$(ruleset)"
