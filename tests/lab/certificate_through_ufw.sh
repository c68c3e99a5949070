#!/bin/bash
# SPDX-License-Identifier: MIT
# ufw itself: the gate stands in its before.rules and before6.rules, as suggest says, and the port is open for a lease
# alone, a reload in the middle of it included.
. "$(dirname "$0")/lib/lab.sh"

firewall_ufw
suggest_policy
expect_status 0
expect_says 'gate      = static' 'ufw reload' 'ip6 filter INPUT: its policy is drop'
ufw_gate
expect_suggests 'gate      = static' 'the ruleset holds it already'
ca_start
nginx_start
write_config
broker_start
expect_opening_works
expect_renewals

before=$(iptables -S; ip6tables -S)
hold_lease
for program in iptables ip6tables; do $program-save > $lab/saved && $program-restore < $lab/saved; done
expect_port_80 open
ufw reload > $lab/log/ufw
expect_port_80 open
ufw allow 8443/tcp > $lab/log/ufw
ufw delete allow 8443/tcp > $lab/log/ufw
expect_port_80 open
end $holder_pid
wait_until 'the lease to end' no_lease_table
expect_equal 'the rules after a reload, a save and a restore' "$before" "$(iptables -S; ip6tables -S)"
expect_shut
expect_equal 'the high port' dropped "$(port 8080 4 300)"
