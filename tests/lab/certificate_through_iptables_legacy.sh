#!/bin/bash
# SPDX-License-Identifier: MIT
# iptables-legacy, whose rules nftables does not show: suggest cannot look into them and says so, and gives the line that
# makes a static gate there. It opens, with a chain of nftables behind it as well.
. "$(dirname "$0")/lib/lab.sh"

programs='iptables-legacy ip6tables-legacy'
nft flush ruleset
for program in $programs; do
  $program -A INPUT -i lo -j ACCEPT
  $program -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  $program -A INPUT -p tcp --dport 443 -j ACCEPT
  $program -P INPUT DROP
done
ip6tables-legacy -I INPUT -p ipv6-icmp -j ACCEPT
nft 'table inet last { chain input { type filter hook input priority 10; tcp dport 23 drop; }; }'
expect_suggests 'iptables-legacy' 'gate      = static'
expect_equal 'lines' 2 "$(grep -c '^# *ip6\?tables-legacy -I INPUT' $policy)"
ca_start
nginx_start
write_config
broker_start
legacy_rules() { iptables-legacy -S; ip6tables-legacy -S; }
before=$(legacy_rules)
hold_lease
expect_shut
end $holder_pid $listener_pid
wait_until 'the lease to end' no_lease_table

sed -n 's/^# *\(ip6\?tables-legacy -I\)/\1/p' $policy | bash -e
expect_opening_works
expect_renewals
for program in $programs; do $program -D INPUT 1; done
expect_equal 'the rules of iptables-legacy' "$before" "$(legacy_rules)"
