#!/bin/bash
# SPDX-License-Identifier: MIT
# The lines that `certlatch-policy gate` prints, put where they say, are a static gate: for nftables and for iptables of
# both families. (certificate_through_ufw has those for ufw.)
. "$(dirname "$0")/lib/lab.sh"

nginx_start
write_policy :8080 static
$bin/certlatch-policy gate > $lab/lines
broker_start

nft insert rule inet filter input "$(grep '^tcp dport' $lab/lines)"
expect_opening_works

firewall_iptables
before=$(firewall_state)
hold_lease
expect_shut
end $holder_pid $listener_pid
wait_until 'the lease to end' firewall_is "$before"
expect_equal 'lines for iptables' 2 "$(grep -c '^ip6\?tables ' $lab/lines)"
grep '^ip6\?tables ' $lab/lines > $lab/commands
bash -e $lab/commands
expect_opening_works
expect_suggests 'gate      = static' 'the ruleset holds it already'
