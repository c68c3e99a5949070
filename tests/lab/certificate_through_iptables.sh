#!/bin/bash
# SPDX-License-Identifier: MIT
# iptables-nft: a gate in INPUT of both families. iptables shows it as a rule of its own, saves and restores it in the
# middle of a lease, and nothing of it lets anybody in when the lease is over.
. "$(dirname "$0")/lib/lab.sh"

firewall_iptables
expect_suggests 'ip filter INPUT' 'ip6 filter INPUT' 'its policy is drop'
ca_start
nginx_start
write_config
broker_start
expect_opening_works
expect_renewals

tables() { iptables -S; ip6tables -S; }
before=$(tables)
hold_lease
run iptables -S INPUT
expect_says '-p tcp -m tcp --dport 8080 -m mark --mark 0xac3e0050' '-j ACCEPT'
for program in iptables ip6tables; do
  $program-save > $lab/saved.$program
  grep -q 'multiport --dports 22,443' $lab/saved.$program || fail "$program saved another firewall"
  $program-restore < $lab/saved.$program
done
expect_port_80 open
end $holder_pid
tables_are() { [ "$(tables)" = "$1" ]; }
wait_until 'the gates to go, which iptables has restored' tables_are "$before"
expect_shut
expect_equal 'the table of the lease' '' "$(nft list tables | grep certlatch || :)"

# What was saved in a lease is restored after it: inert, and cleared away by the next lease.
for program in iptables ip6tables; do $program-restore < $lab/saved.$program; done
expect_shut
expect_equal 'the high port' dropped "$(port 8080 4 300)"
end $listener_pid
hold_lease
expect_port_80 open
end $holder_pid
wait_until 'the gates to go' tables_are "$before"
expect_shut
