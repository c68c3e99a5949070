#!/bin/bash
# SPDX-License-Identifier: MIT
# Before a CA is told to come, the worker looks where the names lead: a name that does not exist, or leads only where
# nobody answers, is not tried; an address that may be wrong is named; and a resolver that is silent costs little.
. "$(dirname "$0")/lib/lab.sh"

mkdir -p $lab/knot
cat > $lab/knot/knot.conf <<CONF
server:
    rundir: $lab/knot
    listen: $ca4@53
database:
    storage: $lab/knot
zone:
  - domain: test
    file: $lab/knot/zone
    storage: $lab/knot
    zonefile-load: whole
log:
  - target: stderr
    any: info
CONF
printf '%s\n' '@ 60 SOA ns.test. hostmaster.test. 1 60 60 3600 60' '@ 60 NS ns' "ns 60 A $ca4" \
  "example 60 A $host4" "example 60 AAAA $host6" "www.example 60 A $host4" 'router.example 60 A 192.0.2.1' \
  "only6.example 60 AAAA $host6" 'far6.example 60 AAAA 2001:db8::1' 'mail.example 60 TXT "no address"' > $lab/knot/zone
"${outside_command[@]}" knotd -c $lab/knot/knot.conf > $lab/log/knot 2>&1 < /dev/null &
wait_until 'the name server to listen' outside "$door" probe $ca4 53
echo "nameserver $ca4" > /etc/resolv.conf
ca_start
host_up
sed -i 's/^names .*/names = example.test *.example.test/' $policy
broker_stop
broker_start
of() { { config_ca; config_certificate example.test "$*"; } > $config; }
asked_to_look() { grep -c 'Attempting to validate\|Pulled a task' $lab/log/ca || true; }

# Names that do not exist, and names without an address: the zone itself says so.
for name in missing.example.test mail.example.test; do
  of "example.test $name"
  run certlatch renew
  expect_status 1
  expect_says "example.test: $name has neither an A nor an AAAA record"
done
expect_equal 'openings' 0 "$(audited 'open http' done)"
expect_equal 'challenges that the CA was told of' 0 "$(asked_to_look)"
# The CA may see another DNS: here its resolver leads every name to the host.
run_challenged certlatch renew --force
expect_status 0
expect_says 'has neither an A nor an AAAA record'
expect_issued example.test
# What went well once is not refused at a renewal.
run_challenged certlatch renew --force
expect_status 0

# An address that is not this host's may be its router's.
of example.test router.example.test far6.example.test
run_challenged certlatch renew --force
expect_status 0
expect_silent_about 'leads to'

# A resolver that is silent, or not there.
outside nft -f - <<'RULES'
table inet mute {
  chain input {
    type filter hook input priority 0
    udp dport 53 drop
  }
}
RULES
of example.test www.example.test
rm -rf $worker_state/certificates/example.test
began=$(date +%s%N)
run certlatch renew
expect_status 0
took=$((($(date +%s%N) - began) / 1000000))
[ $took -lt 5000 ] || fail "a silent resolver costs $took ms"
outside nft delete table inet mute

# An opening that serves IPv4 only.
broker_stop
write_policy 127.0.0.1:8080
sed -i 's/^names .*/names = example.test *.example.test/' $policy
broker_start
of only6.example.test
run certlatch renew
expect_status 1
expect_says "only6.example.test leads to $host6, and challenges are not answered over IPv6 here"
ca_resolves $host4 ''
of example.test
run_challenged certlatch renew --force
expect_status 0
expect_says "example.test leads to $host6, and challenges are not answered over IPv6 here" 'remove the AAAA record'
of www.example.test router.example.test
run_challenged certlatch renew --force
expect_status 0
expect_silent_about 'leads to'
of far6.example.test
run_challenged certlatch renew --force
expect_status 0
expect_says 'far6.example.test leads to 2001:db8::1, and challenges'
expect_shut
